package event

import (
	"strings"
	"testing"
)

// TestPlainStopsAtWhatIsNot: each byte in each place of its eight, alone and behind others
// that borrow.
func TestPlainStopsAtWhatIsNot(t *testing.T) {
	t.Parallel()
	special := func(c byte) bool { return c < ' ' || c == '"' || c == '\\' || c >= 0x80 }
	for c := range 256 {
		for at := range 20 {
			for _, behind := range []string{"!", "\x20", "#", "[", "]", "\x7f", "\x80", "\x1f", `"`} {
				s := strings.Repeat("a", at) + string([]byte{byte(c)}) + strings.Repeat(behind, 12)
				first := strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 || special(byte(r)) })
				if first < 0 {
					first = len(s)
				}
				got := plain(s, 0)
				if got > first || first-got >= 8 {
					t.Fatalf("%q: stopped at %d, the first is at %d", s, got, first)
				}
				if first+8 <= len(s) && got != first && first/8*8+8 <= len(s) {
					t.Fatalf("%q: stopped at %d before the first at %d", s, got, first)
				}
			}
		}
	}
}

// TestPlainStopsAtTheEnd of its text, whatever lies behind it in memory.
func TestPlainStopsAtTheEnd(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("a", 40)
	for end := range 32 {
		for from := range end + 1 {
			if got := plain(body[:end], from); got > end || end-got >= 8 {
				t.Errorf("from %d it stopped at %d, the end is at %d", from, got, end)
			}
		}
	}
}
