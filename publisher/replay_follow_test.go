package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ingot/publisher/internal/ingottest"
)

// flaky is a network whose server can be away.
type flaky struct {
	away atomic.Bool
	then http.RoundTripper
}

func (f *flaky) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.away.Load() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("nobody listens")}
	}
	return f.then.RoundTrip(r)
}

// growing is a log file whose lines are numbered, so that each is known again.
type growing struct {
	*testing.T
	path string
	n    int
	want []string
}

func (g *growing) lines(n int) {
	g.Helper()
	f, err := os.OpenFile(g.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		g.Fatal(err)
	}
	for range n {
		g.n++
		text := fmt.Sprintf("line %d", g.n)
		if g.n%10 == 0 {
			text = "the same" // as logs have it
		}
		g.want = append(g.want, text)
		if _, err := f.WriteString(text + "\n"); err != nil {
			g.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		g.Fatal(err)
	}
	time.Sleep(3 * time.Second) // in the bubble: until it was looked at
}

// startFollow begins to follow a file. interrupt ends it; done, which has to be read, has what it reports.
func startFollow(t *testing.T, network http.RoundTripper, path string) (done <-chan replayOutcome, interrupt func()) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	outcome := make(chan replayOutcome)
	go func() { // ends with ctx
		_, o := replayed(t, ctx, network, "", "--follow", "--batch=50", path)
		outcome <- o
	}()
	return outcome, interrupt
}

// TestFollowOutlastsEverything: the file grows, is truncated and rotated in both
// ways, while the server goes away and comes back; every line is there once.
func TestFollowOutlastsEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		network := &flaky{then: ingottest.Network(t, srv)}
		g := &growing{T: t, path: written(t, "app.log", "")}
		done, interrupt := startFollow(t, network, g.path)
		defer interrupt()
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		g.lines(100)
		network.away.Store(true)
		g.lines(100)
		check(os.Truncate(g.path, 0))
		g.lines(100)
		time.Sleep(10 * time.Minute) // longer than a plain replay waits
		check(os.Rename(g.path, g.path+".1"))
		g.lines(100)
		network.away.Store(false)
		time.Sleep(time.Minute)
		network.away.Store(true)
		check(os.Rename(g.path, g.path+".2"))
		time.Sleep(time.Minute)
		g.lines(300)
		network.away.Store(false)
		time.Sleep(time.Minute)
		g.lines(7)
		interrupt()
		o := <-done
		if o.ExitCode != exitOK || o.Stored != g.n || o.Audit == nil || o.Audit.Found != g.n || o.Interrupted {
			t.Errorf("%+v, audit %+v", o, o.Audit)
		}
		if o.Retries["connect"] == 0 {
			t.Error("the server was never away")
		}
		got := map[string]int{}
		for _, r := range rowsOf(t, srv) {
			got[r.text(t)]++
		}
		for _, text := range g.want {
			got[text]--
		}
		for text, n := range got {
			if n != 0 {
				t.Errorf("%q is there %d times too often", text, n)
			}
		}
	})
}

func TestFollowSendsWhatTricklesAndKeepsWhatIsNotWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		path := written(t, "app.log", "one\ntwo\nthr")
		ctx, interrupt := context.WithTimeout(t.Context(), 10*time.Second)
		defer interrupt()
		time.AfterFunc(time.Second, func() {
			if srv.Rows() != 2 {
				t.Errorf("%d rows after a second", srv.Rows())
			}
		})
		_, o := replayed(t, ctx, ingottest.Network(t, srv), "", "-f", path)
		if o.ExitCode != exitOK || srv.Rows() != 2 || o.Lines.Pending != 3 || len(o.Notes) != 1 || !strings.Contains(o.Notes[0], "3 bytes after the last line feed") {
			t.Errorf("%+v", o)
		}
	})
}

// TestFollowOfAFileThatIsTruncatedUnread: while the server is away nothing is read, and what is truncated then is lost. The run says so.
func TestFollowOfAFileThatIsTruncatedUnread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		network := &flaky{then: ingottest.Network(t, srv)}
		ctx, interrupt := context.WithTimeout(t.Context(), time.Hour)
		defer interrupt()
		path := written(t, "app.log", strings.Repeat(strings.Repeat("x", 99)+"\n", 20_000))
		first := true
		srv.Fault = func(int) ingottest.Fault {
			if first {
				first = false
				network.away.Store(true)
				time.AfterFunc(time.Minute, func() {
					if err := os.WriteFile(path, []byte("new\n"), 0o644); err != nil {
						t.Error(err)
					}
					network.away.Store(false)
				})
			}
			return ingottest.None
		}
		exit, o := replayed(t, ctx, network, "", "--follow", "--batch=100", path)
		if exit != exitBad || o.Stored >= 20_000 || o.Lines.Lines != srv.Rows() || !strings.HasPrefix(o.Problems["truncated"], "files were truncated 1 times") || len(o.Named) != 1 || !strings.HasPrefix(o.Named[0], path+": it was truncated when at least ") {
			t.Errorf("exit %d, %d rows, %+v", exit, srv.Rows(), o)
		}
		news := 0
		for _, r := range rowsOf(t, srv) {
			if text := r.text(t); text == "new" {
				news++
			} else if text != strings.Repeat("x", 99) {
				t.Errorf("a line that was cut was sent: %q", text)
			}
		}
		if news != 1 {
			t.Errorf("%d lines of the file as it is now, want 1", news)
		}
	})
}

// TestFollowKeepsWhatIsRotatedUnread: files that come and are renamed while the server is away, before it was ever reached and
// later on, are read when it is back.
func TestFollowKeepsWhatIsRotatedUnread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		network := &flaky{then: ingottest.Network(t, srv)}
		network.away.Store(true)
		g := &growing{T: t, path: written(t, "app.log", "")}
		done, interrupt := startFollow(t, network, g.path)
		defer interrupt()
		for outage := range 2 {
			network.away.Store(true)
			for n := range 3 {
				g.lines(500)
				if err := os.Rename(g.path, fmt.Sprint(g.path, outage, n)); err != nil {
					t.Fatal(err)
				}
			}
			g.lines(500)
			network.away.Store(false)
			time.Sleep(time.Minute)
		}
		interrupt()
		if o := <-done; o.ExitCode != exitOK || o.Stored != g.n || srv.Rows() != g.n {
			t.Errorf("%d of %d lines are there: %+v", srv.Rows(), g.n, o)
		}
	})
}

// TestFollowOutlastsAProxyWithoutItsServer: while an Ingot is replaced, what stands before it answers in its place, and a key may
// come to the new one a moment later. Files that have an end are not waited for, nor is anything for which --give-up-after is 0.
func TestFollowOutlastsAProxyWithoutItsServer(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 401, 403, 404} {
		for args, stored := range map[string]int{"--follow": 100, "--json": 0, "--follow --give-up-after=0s": 0} {
			synctest.Test(t, func(t *testing.T) {
				srv, began := &ingottest.Server{}, time.Now()
				network := ingottest.Network(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodPost && time.Since(began) < 50*time.Second {
						w.WriteHeader(status)
						return
					}
					srv.ServeHTTP(w, r)
				}))
				ctx, interrupt := context.WithTimeout(t.Context(), time.Hour)
				defer interrupt()
				exit, o := replayed(t, ctx, network, "", append(strings.Fields(args), "--batch=10", written(t, "a.log", strings.Repeat("x\n", 100)))...)
				if want := map[bool]int{true: exitOK, false: exitBad}[stored > 0]; exit != want || o.Stored != stored || (o.Problems["stopped"] == "") != (stored > 0) {
					t.Errorf("%d %s: exit %d, %+v", status, args, exit, o)
				}
			})
		}
	}
}

// TestFollowEndsWithoutItsServer: an interrupt gives what was read ten seconds.
func TestFollowEndsWithoutItsServer(t *testing.T) {
	t.Parallel()
	t.Run("back in time", func(t *testing.T) { endWithout(t, 5*time.Second, 3) })
	t.Run("back too late", func(t *testing.T) { endWithout(t, 15*time.Second, 2) })
}

// TestFollowEndsThoughItsServerStaysAway: nor does the audit wait for it without end.
func TestFollowEndsThoughItsServerStaysAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := &flaky{then: ingottest.Network(t, &ingottest.Server{})}
		time.AfterFunc(30*time.Second, func() { network.away.Store(true) })
		ctx, interrupt := context.WithTimeout(t.Context(), time.Minute)
		defer interrupt()
		began := time.Now()
		exit, o := replayed(t, ctx, network, "", "--follow", written(t, "app.log", "one\n"))
		if took := time.Since(began); exit != exitBad || o.Audit != nil || o.Problems["audit"] == "" || took > time.Minute+2*windDown {
			t.Errorf("exit %d after %v, %+v", exit, took, o)
		}
	})
}

// TestFollowEndsAtOnceWhereNoServerWasReached: it has read nothing that could be settled or audited, and so ends as what has no --follow.
func TestFollowEndsAtOnceWhereNoServerWasReached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := &flaky{}
		network.away.Store(true)
		ctx, interrupt := context.WithTimeout(t.Context(), time.Minute)
		defer interrupt()
		began := time.Now()
		exit, stdout, stderr := command(ctx, network, "replay", "--follow", written(t, "app.log", "one\n"))
		if took := time.Since(began); exit != exitInterrupted || stdout != "" || !strings.Contains(stderr, "publisher: interrupted: reach server: ") || took > time.Minute {
			t.Errorf("exit %d after %v\n%s%s", exit, took, stdout, stderr)
		}
	})
}

// TestAnInterruptEndsTheAuditOfAFollowedPipe: it has ended by itself, so that the
// interrupt is for the audit.
func TestAnInterruptEndsTheAuditOfAFollowedPipe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		network := ingottest.Network(t, interruptedAudit(interrupt))
		exit, o := replayed(t, ctx, network, "one\n", "-", "--follow", "--give-up-after=1m")
		if exit != exitInterrupted || !o.Interrupted || o.Stored != 1 {
			t.Errorf("exit %d, %+v", exit, o)
		}
	})
}

func endWithout(t *testing.T, back time.Duration, stored int) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		network := &flaky{then: ingottest.Network(t, srv)}
		ctx, interrupt := context.WithTimeout(t.Context(), time.Minute)
		defer interrupt()
		path := written(t, "app.log", "one\ntwo\n")
		time.AfterFunc(30*time.Second, func() {
			network.away.Store(true)
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = f.WriteString("three\n")
				_ = f.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
		time.AfterFunc(time.Minute+back, func() { network.away.Store(false) })
		_, o := replayed(t, ctx, network, "", "--follow", path)
		if o.Stored != stored || o.Failed != 3-stored || o.ExitCode != map[int]int{2: exitBad, 3: exitOK}[stored] || o.Audit == nil {
			t.Errorf("%+v, audit %+v", o, o.Audit)
		}
	})
}

// TestAServerThatIsGoneEndsASilentReplay, though what is read says nothing more: a pipe, and a file that is followed.
func TestAServerThatIsGoneEndsASilentReplay(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-"}, {"-", "--follow"}, {"--follow", written(t, "a.log", strings.Repeat("x\n", 4))}} {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{Fault: func(int) ingottest.Fault { return ingottest.Denied }}
			stdin, writer := io.Pipe()
			defer writer.Close()
			go func() { _, _ = io.WriteString(writer, strings.Repeat("x\n", 4)) }() // ends when it is read, or with stdin
			defer stdin.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // or one that waits for more goes on
			defer cancel()
			var out bytes.Buffer
			exit := run(ctx, append([]string{"replay", "--url=http://ingot", "--batch=1", "--no-audit"}, args...),
				surroundings{stdin: stdin, stdout: &out, stderr: io.Discard, transport: ingottest.Network(t, srv)})
			if exit != exitBad || ctx.Err() != nil || !strings.Contains(out.String(), "problem    stopped: gave up on 4 requests in a row: 403") {
				t.Errorf("%v: exit %d, %v\n%s", args, exit, ctx.Err(), out.String())
			}
		})
	}
}

// TestFollowTellsAtOnce what is not there, and which file it reads no longer: its report may be months away.
func TestFollowTellsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{Fault: func(n int) ingottest.Fault {
			if n < 2*maxNamed {
				return ingottest.TooLarge
			}
			return ingottest.None
		}}
		good, bad := written(t, "good.log", ""), written(t, "bad.log", strings.Repeat("x\n", 3*maxNamed))
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		var out, errs watched
		exit := make(chan int)
		go func() { // ends with the interrupt
			exit <- run(ctx, []string{"replay", "--url=http://ingot", "--batch=1", "--follow", good, bad}, surroundings{stdout: &out, stderr: &errs, transport: ingottest.Network(t, srv)})
		}()
		time.Sleep(time.Minute)
		if err := errors.Join(os.Remove(bad), os.Mkdir(bad, 0o700)); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		says := errs.String()
		for said, n := range map[string]int{
			"publisher: " + bad + ":": maxNamed, ": not stored: 413 ": maxNamed,
			"publisher: further lines are only counted": 1, "publisher: read " + bad + ": " + bad + " is not a regular file any more: the rest of it is not sent\n": 1,
		} {
			if got := strings.Count(says, said); got != n {
				t.Errorf("%d times %q, want %d:\n%s", got, said, n, says)
			}
		}
		interrupt()
		if code := <-exit; code != exitBad || srv.Rows() != maxNamed {
			t.Errorf("exit %d, %d rows\n%s", code, srv.Rows(), out.String())
		}
	})
}
