package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"ingot/internal/pgtest"
)

// stopsAt interrupts when it is told of a step.
type stopsAt struct {
	step      string
	interrupt context.CancelFunc
}

func (s stopsAt) Write(told []byte) (int, error) {
	if strings.Contains(string(told), s.step) {
		s.interrupt()
	}
	return len(told), nil
}

// TestLimitsThatEndEarly: what was measured before is shown.
func TestLimitsThatEndEarly(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var out bytes.Buffer
	args := []string{"limits", "--rounds=1", "--data-dir", t.TempDir(), "--database-url", pgtest.Durable(t).URL()}
	code := run(ctx, args, output{&out, stopsAt{"chunks of 1,000", interrupt}})
	if code != exitInterrupted || !strings.Contains(out.String(), "chunks of 100, rows/s") {
		t.Errorf("exit code %d:\n%s", code, out.String())
	}
}
