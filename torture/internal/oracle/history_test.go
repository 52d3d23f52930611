package oracle

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTotals(t *testing.T) {
	t.Parallel()
	// 2 definite, 1 unknown, 1 refused.
	sendings := []told{at(Stored), at(Duplicate), at(Unknown), at(Refused)}
	counted := newHistory()
	counted.Reserve(1) // and never sent
	tell(counted, sendings)
	if c := counted.Counts(); c != (Counts{Stored: 1, Duplicates: 1, Unknown: 1}) {
		t.Errorf("counts %+v", c)
	}
	for _, c := range []struct {
		name   string
		totals Totals
		breaks string
	}{
		{"none of the unknown", Totals{Rows: 1, Unique: 1, Received: 2, Duplicates: 1}, ""},
		{"all of the unknown", Totals{Rows: 1, Unique: 1, Received: 3, Duplicates: 2}, ""},
		{"rows that were not counted", Totals{Rows: 2, Unique: 1, Received: 2, Duplicates: 1}, "unique_processed is the number of rows"},
		{"too few", Totals{Rows: 1, Unique: 1, Received: 1}, "received lies between what is definite and what is unknown besides"},
		{"too many", Totals{Rows: 1, Unique: 1, Received: 4, Duplicates: 3}, "received lies between what is definite and what is unknown besides"},
		{"that do not add up", Totals{Rows: 1, Unique: 1, Received: 3, Duplicates: 1}, "received is stored and duplicates"},
	} {
		h := newHistory()
		tell(h, sendings)
		h.CheckTotals(c.totals)
		if got := strings.Join(broken(h), ", "); got != c.breaks {
			t.Errorf("%s: broken is %q, want %q", c.name, got, c.breaks)
		}
	}
}

// TestLost: a missing answer needs an excuse that was good at some moment between the
// last answer on that connection and the end of it.
func TestLost(t *testing.T) {
	t.Parallel()
	send := func(h *History) int {
		first := h.Reserve(1)
		h.Send(first, 0, "A", []Event{{key, uint64(first)}})
		return first
	}
	for name, c := range map[string]struct {
		tell func(h *History)
		ok   bool
	}{
		"none": {func(h *History) { h.Lost(send(h), 1, h.Now(), "cut") }, false},
		"while it was under way": {func(h *History) {
			n, since := send(h), h.Now()
			h.Excuse("A")()
			h.Lost(n, 1, since, "cut")
		}, true},
		"while the connection was idle": {func(h *History) {
			since := h.Now()
			h.Excuse("A")()
			send(h)
			h.Lost(send(h), 1, since, "cut")
		}, true},
		"before the connection was opened": {func(h *History) {
			h.Excuse("A")()
			send(h)
			since := h.Now()
			h.Lost(send(h), 1, since, "cut")
		}, false},
		"over just before that": {func(h *History) {
			h.Excuse("A")()
			since := h.Now()
			h.Lost(send(h), 1, since, "cut")
		}, false},
		"another ingester's": {func(h *History) {
			h.Excuse("B")
			h.Lost(send(h), 1, h.Now(), "cut")
		}, false},
		"that goes on": {func(h *History) {
			h.Excuse("A")
			h.Lost(send(h), 1, h.Now(), "cut")
		}, true},
	} {
		h := newHistory()
		c.tell(h)
		if got := broken(h); (got == nil) != c.ok {
			t.Errorf("an excuse: %s: %q", name, got)
		}
		if last := h.attempts[len(h.attempts)-1]; last.Told == 0 || last.Fate != Unknown || last.Answer != "none: cut" {
			t.Errorf("an excuse: %s: %v", name, last)
		}
	}
}

// TestViolationTellsAll: what a message names is what one needs to find out.
func TestViolationTellsAll(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := New(&log, func() string { return "COMMIT lost: A" })
	tell(h, []told{at(Unknown), at(Stored), at(Stored)})
	text := h.Violations()[0].String()
	for _, want := range []string{`"id"`, `"topic"`, "attempt 0", "attempt 1 (request 1, sending 1) to A: ", "attempt 2", "sent ", "told ", "stored (answer)", "during COMMIT lost: A"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, want := range []string{"send 0..0 request 0 to A \"id\"/\"topic\"\n", "told 0..0", "violation: "} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in the log\n%s", want, log.String())
		}
	}
	if c := h.Counts(); c != (Counts{Stored: 2, Unknown: 1}) {
		t.Errorf("counts %+v", c)
	}
}

// TestAReportIsBounded: of many attempts the first are listed, of many violations the first are kept. Whose bytes a row has is
// said in any case.
func TestAReportIsBounded(t *testing.T) {
	t.Parallel()
	h := newHistory()
	h.Send(h.Reserve(1), 0, "A", []Event{{key, 7}})
	tell(h, append(slices.Repeat([]told{at(Unknown)}, attemptsShown+8), at(Stored)))
	h.CheckAll(rows(attemptsShown))
	text := h.Violations()[0].String()
	for _, want := range []string{": the row's are those of attempt 29 (", "tick 1, no answer yet", "\n    and 10 more"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if n := strings.Count(text, "\n    attempt "); n != attemptsShown {
		t.Errorf("%d attempts are listed", n)
	}
	for range 3 * violationsKept {
		h.Violate("another", "")
	}
	if n := len(h.Violations()); n != violationsKept {
		t.Errorf("%d violations are kept", n)
	}
}

func TestFeed(t *testing.T) {
	t.Parallel()
	a, b, c := Row{Key{"a", "t"}, 1}, Row{Key{"b", "t"}, 2}, Row{Key{"c", "t"}, 3}
	const order, table = "all readers of the feed see the same order, each row once", "the feed is the table"
	for _, x := range []struct {
		name   string
		saw    map[string][]Row
		table  []Row
		breaks []string
	}{
		{"the same", map[string][]Row{"r": {a, b, c}, "s": {a, b, c}}, []Row{c, b, a}, nil},
		{"one skips a row", map[string][]Row{"r": {a, b, c}, "s": {a, c}}, []Row{a, b, c}, []string{order, table}},
		{"all skip a row", map[string][]Row{"r": {a, c}, "s": {a, c}}, []Row{a, b, c}, []string{table}},
		{"another order", map[string][]Row{"r": {a, b, c}, "s": {b, a, c}}, []Row{a, b, c}, []string{order}},
		{"one is ahead of the other", map[string][]Row{"r": {a, b}, "s": {a, b, c}}, []Row{a, b, c}, []string{table}},
		{"another row in the place of one", map[string][]Row{"r": {a, c}, "s": {a, c}}, []Row{a, b}, []string{table}},
		{"a row again", map[string][]Row{"r": {a, b, a, c}}, []Row{a, b, c}, []string{order, table}},
		{"a row too many", map[string][]Row{"r": {a, b, c}, "s": {a, b, c}}, []Row{a, b}, []string{table}},
		{"other bytes", map[string][]Row{"r": {a, {b.Key, 9}}}, []Row{a, b}, []string{table}},
		{"a reader that has not come to the end", map[string][]Row{"r": {a, b}, "s": {a}}, []Row{a, b}, []string{table}},
	} {
		h := newHistory()
		f := NewFeed(h)
		ends := map[string]int{}
		for _, reader := range []string{"r", "s"} {
			f.Saw(reader, 0, x.saw[reader])
			if seen, reads := x.saw[reader]; reads {
				ends[reader] = len(seen)
			}
		}
		f.CheckAll(x.table, ends)
		if got := broken(h); !slices.Equal(got, x.breaks) {
			t.Errorf("%s: broken are %q, want %q", x.name, got, x.breaks)
		}
	}
}
