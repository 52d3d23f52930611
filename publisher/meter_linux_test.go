package main

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
	for columns, drawn := range map[int]bool{20: false, 39: false, 40: true, 60: true, 80: true} {
		for what, begin := range map[string]func(*meter){
			"audit": func(m *meter) { m.Begin("audit", 10_000_000) },
			"send":  func(m *meter) { m.BeginBytes("send", 1<<40) },
		} {
			text := ptytest.Drawn(t, uint16(columns), func(terminal *os.File) {
				out := surroundings{stderr: terminal, words: writeAsync(terminal)}
				defer out.words.end()
				m := newMeter(out)
				begin(m)
				for range 3 {
					m.Add(1_234_567)
					time.Sleep(2 * redrawBar)
				}
				m.End()
			})
			if strings.Contains(text, what) != drawn {
				t.Errorf("drawn in %d columns: %q", columns, text)
			}
			for line := range strings.SplitSeq(text, "\r") {
				if width := uniseg.StringWidth(line); width > columns {
					t.Errorf("%d columns in a terminal of %d: %q", width, columns, line)
				}
			}
		}
	}
}

// writes are what was written, each time by itself.
type writes chan string

func (w writes) Write(text []byte) (int, error) { w <- string(text); return len(text), nil }

// TestAMessageTakesThePlaceOfABar in one write: a bar that was drawn in between would stand before it in its line.
func TestAMessageTakesThePlaceOfABar(t *testing.T) {
	t.Parallel()
	_, terminal := ptytest.Open(t, 80)
	w := make(writes, 2)
	out := surroundings{stderr: terminal, words: writeAsync(w)}
	defer out.words.end()
	out.say("a line")
	if got := <-w; got != erase+"publisher: a line\n" {
		t.Errorf("%q", got)
	}
}
