package event

import "testing"

// FuzzCursor: no text makes a cursor that is not ours pass, or panics.
func FuzzCursor(f *testing.F) {
	f.Add(Position{1, 2, 3}.Cursor())
	f.Add(BrowseCursor(7))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := ParsePosition(text); err == nil && text != "" && p.Cursor() != text {
			t.Errorf("%q is read as %+v", text, p)
		}
		if id, err := ParseBrowseCursor(text); err == nil && text != "" && BrowseCursor(id) != text {
			t.Errorf("%q is read as %d", text, id)
		}
	})
}

// TestPositionsAreOrdered by batch, then by id; what identifies the log says nothing
// about the order.
func TestPositionsAreOrdered(t *testing.T) {
	t.Parallel()
	order := []Position{{}, {1, 500, 9}, {1, 501, 1}, {2, 3, 5}}
	for i, p := range order {
		for j, q := range order {
			if got, want := p.Compare(q), min(max(i-j, -1), 1); got != want {
				t.Errorf("%v against %v: %d, want %d", p, q, got, want)
			}
		}
	}
	if (Position{1, 2, 3}).Compare(Position{1, 2, 4}) != 0 {
		t.Error("the identity changes the order")
	}
}
