package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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
		{nil, exitInterrupted, "outcome    interrupted: replay again with --run="},
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
			if exit != c.exit || srv.Rows() != 2 || !strings.Contains(out.String(), c.says) || !strings.Contains(out.String(), "3 bytes after the last line feed") {
				t.Errorf("%v: exit %d, %d rows\n%s", c.args, exit, srv.Rows(), out.String())
			}
		})
	}
}

// TestAnInterruptEndsANamedPipe that nobody has opened to write, which holds up not even what comes before it.
func TestAnInterruptEndsANamedPipe(t *testing.T) {
	t.Parallel()
	pipe := namedPipe(t, "pipe")
	t.Cleanup(func() { // ends an open that was left behind
		if writer, err := os.OpenFile(pipe, os.O_RDWR, 0); err == nil {
			_ = writer.Close()
		}
	})
	ctx, interrupt := context.WithCancel(t.Context())
	srv := &ingottest.Server{Keep: func(e ingottest.Event) []ingottest.Event {
		interrupt()
		return []ingottest.Event{e}
	}}
	network, before := ingottest.Network(t, srv), written(t, "before.log", "a line\n")
	var out bytes.Buffer
	ended := make(chan int, 1)
	go func() { // ends with run
		ended <- run(ctx, []string{"replay", "--url=http://ingot", before, pipe},
			surroundings{stdout: &out, stderr: io.Discard, transport: network})
	}()
	select {
	case exit := <-ended:
		if exit != exitInterrupted || srv.Rows() != 1 {
			t.Errorf("exit %d, %d rows\n%s", exit, srv.Rows(), out.String())
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for who writes to the pipe")
	}
}

// TestANamedPipeIsRead to its end.
func TestANamedPipeIsRead(t *testing.T) {
	t.Parallel()
	pipe := namedPipe(t, "pipe.log")
	go func() { _ = os.WriteFile(pipe, []byte("one\ntwo"), 0) }() // ends when it is read
	srv := &ingottest.Server{}
	if exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), "", pipe); exit != exitOK || srv.Rows() != 2 || o.Files[0].Topic != "pipe" {
		t.Errorf("exit %d, %d rows: %+v", exit, srv.Rows(), o)
	}
}

// TestAnInterruptEndsASilentNamedPipe, as of a shell's <(..), that is silent too.
func TestAnInterruptEndsASilentNamedPipe(t *testing.T) {
	t.Parallel()
	path, writer := silentPipe(t, "one\ntwo\nthr")
	ctx, interrupt := context.WithCancel(t.Context())
	srv := &ingottest.Server{Fault: func(int) ingottest.Fault { interrupt(); return ingottest.None }}
	network, ended := ingottest.Network(t, srv), make(chan int)
	go func() { // ends with the interrupt, and is awaited below
		exit, _, _ := command(ctx, network, "replay", "--url=http://ingot", path)
		ended <- exit
	}()
	select {
	case exit := <-ended:
		if exit != exitInterrupted || srv.Rows() != 2 {
			t.Errorf("exit %d, %d rows", exit, srv.Rows())
		}
	case <-time.After(time.Minute):
		t.Error("it waits for the pipe")
		_ = writer.Close()
		<-ended
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

func namedPipe(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// silentPipe is a named pipe that says something, and no more for as long as its writer is open.
func silentPipe(t *testing.T, says string) (path string, writer *os.File) {
	t.Helper()
	path = namedPipe(t, "pipe")
	writer, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = writer.Close() })
	if _, err := writer.WriteString(says); err != nil {
		t.Fatal(err)
	}
	return path, writer
}
