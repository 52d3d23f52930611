package progress

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"

	"ingot/internal/ptytest"
)

// TestABarFitsItsTerminal: a line that is wider goes on in the next one, and each time it is drawn it leaves one behind.
func TestABarFitsItsTerminal(t *testing.T) {
	t.Parallel()
	for what, columns := range map[string]int{"single-64": 80, "1000 streams, 10 of them stop reading, 10000 events/s": 80, "load 20000000 rows": 60} {
		text := ptytest.Drawn(t, uint16(columns), func(terminal *os.File) {
			p := New(terminal)
			p.Begin(what, 20_000_000)
			for done := range 3 {
				time.Sleep(110 * time.Millisecond)
				p.Set(done * 9_999_999)
			}
			p.End()
		})
		if !strings.Contains(text, what) {
			t.Errorf("nothing is drawn: %q", text)
		}
		for line := range strings.SplitSeq(text, "\r") {
			if width := uniseg.StringWidth(strings.TrimPrefix(line, "\n")); width > columns {
				t.Errorf("%d columns in a terminal of %d: %q", width, columns, line)
			}
		}
	}
}
