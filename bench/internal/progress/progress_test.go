package progress

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestNothingTakesLongWithoutAWord: what takes long is told while it goes on, and what does not is not.
func TestNothingTakesLongWithoutAWord(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for took, want := range map[time.Duration]string{sayAfter / 2: "", 2 * sayAfter: "Postgres is stopping\n"} {
		synctest.Test(t, func(t *testing.T) {
			var said bytes.Buffer
			err := New(&said).During("Postgres is stopping", func() error {
				time.Sleep(took)
				return broken
			})
			if !errors.Is(err, broken) || said.String() != want {
				t.Errorf("after %v: %v, %q, want %q", took, err, said.String(), want)
			}
		})
	}
}
