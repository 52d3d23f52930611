package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"ingot/publisher/internal/ingottest"
)

// TestAnInterruptEndsASilentPipe: what was read is stored and told, and nothing waits
// for the pipe to say more. With --follow the interrupt is the end that was meant.
func TestAnInterruptEndsASilentPipe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		exit int
		says string
	}{
		{nil, exitInterrupted, "outcome    interrupted: replay again"},
		{[]string{"--follow"}, exitOK, "outcome    ok: every line is there"},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{}
			stdin, writer := io.Pipe()
			ctx, interrupt := context.WithCancel(t.Context())
			time.AfterFunc(time.Minute, interrupt)
			go func() { _, _ = io.WriteString(writer, "one\ntwo\nthr") }() // ends when it is read
			var out bytes.Buffer
			exit := run(ctx, append([]string{"replay", "--url=http://ingot", "-"}, c.args...),
				surroundings{stdin: stdin, stdout: &out, stderr: io.Discard, transport: ingottest.Network(t, srv)})
			if exit != c.exit || srv.Rows() != 2 || !strings.Contains(out.String(), c.says) || !strings.Contains(out.String(), "3 bytes behind the last line feed") {
				t.Errorf("%v: exit %d, %d rows\n%s", c.args, exit, srv.Rows(), out.String())
			}
		})
	}
}

// TestAPipeIsReadAsItIs: every byte, whatever a read brings, and then its error.
func TestAPipeIsReadAsItIs(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789", pipeChunk/4)
	for name, src := range map[string]io.Reader{
		"much at once":         strings.NewReader(text),
		"a byte at a time":     iotest.OneByteReader(strings.NewReader(text)),
		"the end with the end": iotest.DataErrReader(strings.NewReader(text)),
	} {
		if err := iotest.TestReader(newPipe(t.Context(), src), []byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
