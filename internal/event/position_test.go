package event

import (
	"errors"
	"math"
	"testing"
)

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

// TestCursorsStayGood: clients keep them, also while a server is replaced by a later one.
func TestCursorsStayGood(t *testing.T) {
	t.Parallel()
	if p, err := ParsePosition("ZgAAAAAAAAABAAAAAAAAAAIAAAAD6k9zOw"); p != (Position{1, 2, 3}) || err != nil {
		t.Errorf("a cursor of the feed is read as %+v, %v", p, err)
	}
	if id, err := ParseBrowseCursor("ZAAAAAAAAAAHeeJRpQ"); id != 7 || err != nil {
		t.Errorf("a cursor of the pages is read as %d, %v", id, err)
	}
}

// TestCursors come back as they went out. What is changed, of another length or of the other order is refused as
// no cursor: it is not read as some other place.
func TestCursors(t *testing.T) {
	t.Parallel()
	for _, p := range []Position{{}, {1, 2, 3}, {1 << 40, 1<<62 + 5, math.MaxUint32}} {
		if got, err := ParsePosition(p.Cursor()); err != nil || got != p {
			t.Errorf("%+v came back as %+v, %v", p, got, err)
		}
		if got, err := ParseBrowseCursor(BrowseCursor(p.ID)); err != nil || got != p.ID {
			t.Errorf("%d came back as %d, %v", p.ID, got, err)
		}
	}
	if id, err := ParseBrowseCursor(""); id != math.MaxInt64 || err != nil {
		t.Errorf("the newest page stays below %d, %v", id, err)
	}
	feed, browse := Position{1, 2, 3}.Cursor(), BrowseCursor(7)
	for _, c := range []struct {
		own, other, forged string
		kind               byte
		parse              func(string) error
	}{
		{feed, browse, Position{1, -1, 3}.Cursor(), kindFeed, func(cursor string) error { _, err := ParsePosition(cursor); return err }},
		{feed, browse, Position{-1, 2, 3}.Cursor(), kindFeed, func(cursor string) error { _, err := ParsePosition(cursor); return err }},
		{feed, browse, Position{0, 1, 0}.Cursor(), kindFeed, func(cursor string) error { _, err := ParsePosition(cursor); return err }},
		{browse, feed, BrowseCursor(-1), kindBrowse, func(cursor string) error { _, err := ParseBrowseCursor(cursor); return err }},
	} {
		if err := c.parse(""); err != nil {
			t.Errorf("no cursor is one end: %v", err)
		}
		for bad, want := range map[string]string{
			c.forged:                     "it is not a valid cursor",
			c.own[:8] + "_" + c.own[9:]:  "it is not a valid cursor",
			c.own[:len(c.own)-4]:         "it is not a valid cursor",
			c.own + "AAAA":               "it is not a valid cursor",
			c.own[:4] + "\n" + c.own[4:]: "it is not a valid cursor",
			c.own + "=":                  "it is not a valid cursor",
			"AAAA":                       "it is not a valid cursor",
			seal(nil):                    "it is not a valid cursor",
			c.other:                      "it belongs to the other order; order=asc and order=desc have cursors of their own",
			seal([]byte{c.kind}):         "it belongs to the other order; order=asc and order=desc have cursors of their own",
			seal(append([]byte{'x'}, make([]byte, len(c.own)*3/4-5)...)): "it belongs to the other order; order=asc and order=desc have cursors of their own",
			seal(append([]byte{'a'}, make([]byte, len(c.own)*3/4-5)...)): "it belongs to the other order; order=asc and order=desc have cursors of their own",
		} {
			var cursor *CursorError
			if err := c.parse(bad); !errors.As(err, &cursor) || cursor.Gone || err.Error() != "cursor: "+want {
				t.Errorf("%q for %q: %v, want %s", bad, c.own, err, want)
			}
		}
	}
}
