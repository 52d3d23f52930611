package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ingot/publisher/internal/client"
)

// TestTheLiveLine is drawn on a terminal, taken away before anything else is written,
// and is no wider than the terminal.
func TestTheLiveLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var both bytes.Buffer // a terminal has one screen for both
		width := func() int { return 30 }
		s := &screen{ctx: t.Context(), stdout: writeAsync(&both), stderr: writeAsync(&both), width: width, liveWidth: width}
		defer s.stdout.end()
		defer s.stderr.end()
		stop := s.live(func(time.Time) string { return strings.Repeat("live", 20) })
		synctest.Wait()
		line := erase + strings.Repeat("live", 7) + "…"
		if err := s.put([]byte("an event\n"), "1"); err != nil || both.String() != line {
			t.Errorf("%v, %q", err, both.String())
		}
		if err := s.flush(); err != nil {
			t.Error(err)
		}
		s.say("a word\x1b")
		time.Sleep(redraw + time.Millisecond)
		synctest.Wait()
		stop()
		synctest.Wait()
		want := line + erase + "an event\n" + line + erase + "publisher: a word \n" + line + line + erase
		if got := both.String(); got != want {
			t.Errorf("drawn\n%q, want\n%q", got, want)
		}
		s.say("the summary")
		synctest.Wait()
		if got := strings.TrimPrefix(both.String(), want); got != "publisher: the summary\n" {
			t.Errorf("after the end: %q", got)
		}
	})
}

// TestPace: the rate and the latency are those of the last seconds, and events from
// before the beginning count for neither percentile.
func TestPace(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	p := newPace(began)
	if got := p.words(began); got != "0 events, 0/s" {
		t.Error(got)
	}
	for i := range 100 {
		p.add(at(1000), at(-1000)) // a backlog
		p.add(at(1000+i), at(990+i))
	}
	if got := p.words(at(2000)); got != "200 events, 100/s, publish to receive p50 10.2 ms p99 10.2 ms (clocks may differ)" {
		t.Error(got)
	}
	if got := p.words(at(60_000)); got != "200 events, 0/s" {
		t.Error(got)
	}
	p.add(at(60_500), at(60_507))
	if got := p.words(at(61_000)); got != "201 events, 0/s, publish to receive p50 0.0 ms p99 0.0 ms (clocks may differ)" {
		t.Error(got)
	}
	var tb table
	p.rows(&tb, at(100_500))
	p.notes(&tb)
	for _, says := range []string{"events                  201", "events/s                  2", "latency p99         10.2 ms", "arrived 7.0 ms before", "the 100 events that the server received before"} {
		if !strings.Contains(tb.String(), says) {
			t.Errorf("does not say %q:\n%s", says, tb.String())
		}
	}
}

// TestAnEventForPeople: one line, no wider than the terminal, that no payload can make
// a terminal obey.
func TestAnEventForPeople(t *testing.T) {
	t.Parallel()
	var e client.Row
	err := json.Unmarshal([]byte("{\"event_id\":\"e-1\",\"topic\":\"pay\",\"source\":\"s\",\"timestamp\":\"2025-12-19T10:00:00.5+01:00\",\"payload\":{\n\"a\":\"\u009b\u202eö\"}}"), &e)
	if err != nil {
		t.Fatal(err)
	}
	want := "2025-12-19T09:00:00.500Z  pay                   s             e-1                                   { \"a\":\"  ö\"}\n"
	if got := string(lineOf(e, 0)); got != want {
		t.Errorf("%q", got)
	}
	if got := string(lineOf(e, 200)); got != want {
		t.Errorf("on a wide terminal %q", got)
	}
	e.ID = "550e8400-e29b-41d4-a716-446655440000"
	if got := string(lineOf(e, 67)); got != "12-19 09:00:00  pay                   s             550e8400…  { \"…\n" {
		t.Errorf("on a narrow one %q", got)
	}
}

// TestCut counts columns: a character may take two of them, or none of its own.
func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"abcd", 0, "abcd"},
		{"abcd", 4, "abcd"},
		{"abcde", 4, "abc…"},
		{"漢字", 4, "漢字"},
		{"漢字漢", 4, "漢…"},
		{"漢字漢", 5, "漢字…"},
		{"e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{"👨‍👩‍👧👨‍👩‍👧", 3, "👨‍👩‍👧…"},
	} {
		if got := cut(c.text, c.width); got != c.want {
			t.Errorf("%q in %d columns: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}
