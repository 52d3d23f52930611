package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"
	"golang.org/x/sys/unix"
)

// openTerminal opens a pseudo terminal of so many columns. drawn closes it, and returns what was written to it.
func openTerminal(t *testing.T, columns uint16) (terminal *os.File, drawn func() string) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo terminals here: ", err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	number, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns})
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	text := make(chan string, 1)
	go func() { // ends when the terminal is closed
		b, _ := io.ReadAll(screen) // ends with EIO
		text <- string(b)
	}()
	return terminal, func() string { _ = terminal.Close(); return <-text }
}

// TestABarFitsItsTerminal: a line that is wider goes on in the next one, and each time it is drawn it leaves one behind.
func TestABarFitsItsTerminal(t *testing.T) {
	t.Parallel()
	for _, columns := range []uint16{40, 60, 80} {
		for what, begin := range map[string]func(*meter){
			"audit": func(m *meter) { m.Begin("audit", 10_000_000) },
			"send":  func(m *meter) { m.BeginBytes("send", 1<<40) },
		} {
			terminal, drawn := openTerminal(t, columns)
			m := newMeter(surroundings{stderr: terminal})
			begin(m)
			for range 3 {
				m.Add(1_234_567)
				time.Sleep(2 * redrawBar)
			}
			m.End()
			text := drawn()
			if !strings.Contains(text, what) {
				t.Errorf("nothing is drawn: %q", text)
			}
			for line := range strings.SplitSeq(text, "\r") {
				if width := uniseg.StringWidth(line); width > int(columns) {
					t.Errorf("%d columns in a terminal of %d: %q", width, columns, line)
				}
			}
		}
	}
}
