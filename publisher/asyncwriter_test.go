package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ingot/publisher/internal/ingottest"
)

// standstill is a terminal that was stopped: it takes nothing until it goes on.
type standstill struct {
	on   chan struct{}
	text watched
}

// stopped returns a standstill that goes on at the end of the test, so that no goroutine is left.
func stopped(t *testing.T) *standstill {
	s := &standstill{on: make(chan struct{})}
	t.Cleanup(func() { close(s.on) })
	return s
}

// Write implements io.Writer.
func (s *standstill) Write(text []byte) (int, error) {
	<-s.on
	return s.text.Write(text)
}

// fullPipe is a pipe that nobody reads, and that takes nothing more.
func fullPipe(t *testing.T) (writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = reader.Close(), writer.Close() })
	if err := writer.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := writer.Write(make([]byte, 1<<20)); err == nil {
		t.Fatalf("the pipe has taken %d bytes", n)
	}
	return writer
}

// TestNobodyReadsStderr: the run goes on, and its report comes, whatever was to be said meanwhile.
func TestNobodyReadsStderr(t *testing.T) {
	t.Parallel()
	_, _, ca := secure(t, time.Now().Add(time.Hour)) // INGOT_CA is warned of
	for _, args := range [][]string{{"simulate", "--events=100"}, {"replay", "-"}, {"follow", "--after=beginning", "--count=1", "--json"}} {
		t.Run(args[0], func(t *testing.T) {
			t.Parallel()
			srv := &ingottest.Server{}
			publish(t, ingottest.Network(t, srv), 0, 1)
			p, _ := process(t, srv, args...)
			p.Env = append(p.Env, "INGOT_CA="+ca)
			var out watched
			p.Stdin, p.Stdout, p.Stderr = strings.NewReader("a line\n"), &out, fullPipe(t)
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- p.Wait() }() // ends with the process, at the latest when process kills it
			for begin := time.Now(); !strings.Contains(out.String(), "outcome    ok") && !strings.Contains(out.String(), `"event_id":"0"`); time.Sleep(10 * time.Millisecond) {
				if time.Since(begin) > 30*time.Second {
					t.Fatalf("no report: %s", out.String())
				}
			}
			_ = p.Process.Signal(os.Interrupt) // for follow, whose report stderr does not take
			select {
			case err := <-ended:
				if exit := exitOf(t, err); exit != exitOK {
					t.Errorf("exit %d", exit)
				}
			case <-time.After(30 * time.Second):
				t.Error("it does not end")
			}
		})
	}
}

// TestAMeterThatNobodyReads holds up neither who gets on nor the end.
func TestAMeterThatNobodyReads(t *testing.T) {
	t.Parallel()
	for _, terminal := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := &meter{out: stopped(t), terminal: terminal}
			for range 2 {
				m.Begin("send", 100)
				for range 100 {
					time.Sleep(time.Second)
					m.Add(1)
				}
				began := time.Now()
				m.End()
				if took := time.Since(began); took > drawTimeout {
					t.Errorf("the end took %v", took)
				}
			}
		})
	}
}

// TestNobodyReadsTheReport: it is waited for, but not for ever, and after an interrupt only for moments. That it was not
// read is told.
func TestNobodyReadsTheReport(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		interrupt time.Duration // 0: none
		exit      int
		says      string
		within    time.Duration
	}{
		{0, exitBad, "publisher: print report: its reader has not read for 5m0s\n", readerPatience},
		{time.Minute, exitBad, "publisher: print report: its reader has not read for 1m", time.Minute + readerPatienceAfterInterrupt},
	} {
		for _, args := range [][]string{{"simulate", "--events=10"}, {"replay", "-"}} {
			synctest.Test(t, func(t *testing.T) {
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				if c.interrupt > 0 {
					time.AfterFunc(c.interrupt, interrupt)
				}
				began := time.Now()
				var errs bytes.Buffer
				exit := run(ctx, append(args, "--url=http://ingot"), surroundings{
					stdin: strings.NewReader("a line\n"), stdout: stopped(t), stderr: &errs, transport: ingottest.Network(t, &ingottest.Server{}),
				})
				if took := time.Since(began); exit != c.exit || !strings.HasPrefix(errs.String(), c.says) || took > c.within+time.Second {
					t.Errorf("%v: exit %d after %v: %s", args, exit, took, errs.String())
				}
			})
		}
	}
}

// jealous takes its time, and sees who writes meanwhile.
type jealous struct{ writing, twice atomic.Bool }

// Write implements io.Writer.
func (j *jealous) Write(text []byte) (int, error) {
	if j.writing.Swap(true) {
		j.twice.Store(true)
	}
	time.Sleep(500 * time.Millisecond)
	j.writing.Store(false)
	return len(text), nil
}

// TestOneWritesAtATime, of words and of a meter's plain lines: they do not meet in the middle of a line.
func TestOneWritesAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{Fault: func(int) ingottest.Fault { return ingottest.TooLarge }}
		stdin, writer := io.Pipe()
		go func() { // ends with its last line
			defer writer.Close()
			for range maxNamed {
				_, _ = io.WriteString(writer, "a line\n")
				time.Sleep(700 * time.Millisecond)
			}
		}()
		var errs jealous
		exit := run(t.Context(), []string{"replay", "--url=http://ingot", "--follow", "-"},
			surroundings{stdin: stdin, stdout: io.Discard, stderr: &errs, transport: ingottest.Network(t, srv)})
		time.Sleep(time.Minute) // until all is written
		if exit != exitBad || errs.twice.Load() {
			t.Errorf("exit %d; two have written at a time: %t", exit, errs.twice.Load())
		}
	})
}

// slow takes its time for each part of a report.
type slow struct {
	each time.Duration
	text bytes.Buffer
}

// Write implements io.Writer.
func (s *slow) Write(text []byte) (int, error) {
	time.Sleep(s.each * time.Duration((len(text)+(32<<10)-1)/(32<<10)))
	return s.text.Write(text)
}

// TestAReportIsReadSlowly to its end, however long it is: whoever takes some of it now and then reads it.
func TestAReportIsReadSlowly(t *testing.T) {
	t.Parallel()
	paths := manyFiles(t, 1000)
	for _, form := range [][]string{nil, {"--json"}} {
		synctest.Test(t, func(t *testing.T) {
			out := &slow{each: readerPatience - time.Second}
			args := append(append([]string{"replay", "--url=http://ingot"}, form...), paths...)
			exit := run(t.Context(), args, surroundings{stdout: out, stderr: io.Discard, transport: ingottest.Network(t, &ingottest.Server{})})
			text := out.text.String()
			if whole := strings.HasSuffix(text, "as it was sent\n") || strings.HasSuffix(text, "}\n"); exit != exitOK || !whole || len(text) < 64<<10 {
				t.Errorf("exit %d, %d bytes, to the end: %t", exit, len(text), whole)
			}
		})
	}
}

// TestFollowIsNotRead: it waits for its reader without end, and an interrupt ends that. What is not printed comes again.
func TestFollowIsNotRead(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--after=beginning"}, {"--subscription=s", "--create", "--after=beginning"}} {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{}
			network := ingottest.Network(t, srv)
			publish(t, network, 0, 3)
			ctx, interrupt := context.WithCancel(t.Context())
			time.AfterFunc(time.Hour, interrupt)
			began := time.Now()
			var errs bytes.Buffer
			exit := run(ctx, append([]string{"follow", "--url=http://ingot"}, args...), surroundings{stdout: stopped(t), stderr: &errs, transport: network})
			if took := time.Since(began); exit != exitBad || took > time.Hour+readerPatienceAfterInterrupt+time.Second || !strings.Contains(errs.String(), "problem    print events: its reader has not read") {
				t.Errorf("%v: exit %d after %v\n%s", args, exit, took, errs.String())
			}
			if args[0] == "--after=beginning" {
				return
			}
			if !strings.Contains(errs.String(), "3 events were printed but not committed: they will come again") {
				t.Errorf("it does not say what comes again:\n%s", errs.String())
			}
			if exit, stdout, _ := followed(t, t.Context(), network, "--subscription=s", "--count=3", "--json"); exit != exitOK || !slices.Equal(idsOf(t, stdout), numbers(0, 3)) {
				t.Errorf("exit %d, then come %v", exit, idsOf(t, stdout))
			}
		})
	}
}

// TestFollowWhoseWordsNobodyReads prints events all the same: of an outage stderr would tell, and of how it goes the live line.
func TestFollowWhoseWordsNobodyReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{Cut: func(stream int) int { return stream % 2 }}
		network := ingottest.Network(t, srv)
		publish(t, network, 0, 6)
		var out watched
		exit := run(t.Context(), []string{"follow", "--url=http://ingot", "--after=beginning", "--count=6", "--json"},
			surroundings{stdout: &out, stderr: stopped(t), transport: network})
		if exit != exitOK || !slices.Equal(idsOf(t, out.String()), numbers(0, 6)) {
			t.Errorf("exit %d, %s", exit, out.String())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var out watched
		s := &screen{ctx: t.Context(), stdout: writeAsync(&out), stderr: writeAsync(stopped(t)), width: func() int { return 0 }, liveWidth: func() int { return 80 }}
		defer s.stdout.end()
		defer s.stderr.end()
		stop := s.live(func(time.Time) string { return "live" })
		for n := range 100 {
			time.Sleep(redraw)
			if err := s.put(fmt.Appendf(nil, "%d\n", n), ""); err != nil {
				t.Error(err)
			}
			if err := s.flush(); err != nil {
				t.Error(err)
			}
		}
		stop()
		if n := strings.Count(out.String(), "\n"); n != 100 || len(s.stderr.lines) > maxWaitingDrawings {
			t.Errorf("%d of 100 events are printed, %d strokes wait", n, len(s.stderr.lines))
		}
	})
}
