package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ingot/internal/subprocess"
	"ingot/publisher/internal/ingottest"
)

// asPublisher makes the binary of the tests be the publisher: what signals do can be
// seen only on a process.
const asPublisher = "INGOT_TEST_AS_PUBLISHER"

func TestMain(m *testing.M) {
	if os.Getenv(asPublisher) != "" {
		main()
	}
	for _, name := range []string{"INGOT_URL", "INGOT_KEY", "INGOT_CA"} { // of a shell where a server is set up
		_ = os.Unsetenv(name)
	}
	goleak.VerifyTestMain(m)
}

// process is a publisher that has not been started.
func process(t *testing.T, h http.Handler, args ...string) (c *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // many times what it takes
	t.Cleanup(cancel)
	stderr = new(bytes.Buffer)
	c = exec.CommandContext(ctx, os.Args[0], args...)
	subprocess.DieWithParent(c, syscall.SIGKILL)
	c.Env = append(os.Environ(), asPublisher+"=1", "INGOT_URL="+srv.URL)
	c.Stderr = stderr
	return c, stderr
}

// exitOf waits for the end; -1 is the end by a signal.
func exitOf(t *testing.T, err error) int {
	t.Helper()
	var ended *exec.ExitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &ended):
		return ended.ExitCode()
	}
	t.Fatal(err)
	return 0
}

// TestAStdoutThatTakesNoMore: a pipe whose reader has gone is an error like another,
// told on stderr, and the exit code is 1.
func TestAStdoutThatTakesNoMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"follow":               {[]string{"follow", "--after=beginning"}, "outcome    failed: see the problem"},
		"follow, subscription": {[]string{"follow", "--subscription=x", "--create", "--after=beginning"}, "they will come again"},
		"replay":               {[]string{"replay", "-"}, "publisher: print report: "},
		"simulate":             {[]string{"simulate", "--events=10"}, "publisher: print report: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := &ingottest.Server{}
			publish(t, ingottest.Network(t, srv), 0, 3)
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			_ = reader.Close()
			p, stderr := process(t, srv, c.args...)
			p.Stdin, p.Stdout = strings.NewReader("a line\n"), writer
			exit := exitOf(t, p.Run())
			_ = writer.Close()
			if says := stderr.String(); exit != exitBad || !strings.Contains(says, "broken pipe") || !strings.Contains(says, c.says) {
				t.Errorf("exit %d\n%s", exit, says)
			}
		})
	}
}

// TestASecondSignalEndsAtOnce: the first has the request under way waited for, and another one nothing more. They are sent
// until one has ended it.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	p, stderr := process(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body) // or the server does not see that it leaves
			asked <- struct{}{}
			<-r.Context().Done()
		}
	}), "replay", "-")
	p.Stdin = strings.NewReader("a line\n")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }() // ends with the process, awaited below
	for {
		_ = p.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if exit := exitOf(t, err); exit != exitInterrupted {
				t.Errorf("exit %d\n%s", exit, stderr)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestAClosedTerminalIsAnInterrupt: SIGHUP ends a run with its report, and a second one
// does not keep it from that. The audit is the first to ask for /events, after the end.
func TestAClosedTerminalIsAnInterrupt(t *testing.T) {
	t.Parallel()
	// Under nohup the tests have it ignored, and so would the publisher. What is caught here is the default there.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	defer signal.Stop(caught)
	var p *exec.Cmd
	started := make(chan struct{})
	hangUp := func() {
		<-started
		if err := p.Process.Signal(syscall.SIGHUP); err != nil {
			t.Error(err)
		}
	}
	srv := &ingottest.Server{Keep: func(e ingottest.Event) []ingottest.Event {
		hangUp()
		return []ingottest.Event{e}
	}}
	again := without(srv, func(w http.ResponseWriter, r *http.Request) {
		hangUp()
		srv.ServeHTTP(w, r)
	})
	var stderr *bytes.Buffer
	p, stderr = process(t, again, "replay", "-", "--follow")
	silent, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	defer writer.Close()
	if _, err := writer.WriteString("a line\n"); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p.Stdin, p.Stdout = silent, &out
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	if exit := exitOf(t, p.Wait()); exit != exitOK || !strings.Contains(out.String(), "outcome    ok: every line is there") {
		t.Errorf("exit %d\n%s%s", exit, out.String(), stderr)
	}
}

// TestAClosedTerminalTakesNoReport: the exit code of an interrupt does not need one.
func TestAClosedTerminalTakesNoReport(t *testing.T) {
	t.Parallel()
	caught := make(chan os.Signal, 1) // as above
	signal.Notify(caught, syscall.SIGHUP)
	defer signal.Stop(caught)
	for _, args := range [][]string{{"simulate", "--events=100000"}, {"replay", "-"}} {
		asked := make(chan struct{}, 1)
		p, stderr := process(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case asked <- struct{}{}:
			default:
			}
			http.Error(w, "not now", http.StatusServiceUnavailable)
		}), args...)
		gone, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = gone.Close()
		stdin, err := p.StdinPipe() // nobody writes
		if err != nil {
			t.Fatal(err)
		}
		p.Stdout = writer
		err = p.Start()
		_ = writer.Close()
		if err != nil {
			t.Fatal(err)
		}
		<-asked
		if err := p.Process.Signal(syscall.SIGHUP); err != nil {
			t.Error(err)
		}
		if exit := exitOf(t, p.Wait()); exit != exitInterrupted || !strings.Contains(stderr.String(), "publisher: interrupted: print report: ") {
			t.Errorf("%v: exit %d\n%s", args, exit, stderr)
		}
		_ = stdin.Close()
	}
}
