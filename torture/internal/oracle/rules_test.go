package oracle

import (
	"fmt"
	"io"
	"slices"
	"testing"
)

var key = Key{"id", "topic"}

// told is one sending of a made-up history: the fates of its events, all on one key.
// They get the prints 1, 2, 3, .. over the whole history.
type told struct {
	fates []Fate
	late  bool // answered only after all that follows
}

func at(fates ...Fate) told { return told{fates: fates} }

// tell makes a history of sendings on key.
func tell(h *History, sendings []told) {
	type answer struct {
		first int
		fates []Fate
	}
	var late []answer
	for n, s := range sendings {
		first := h.Reserve(len(s.fates))
		events := make([]Event, len(s.fates))
		for i := range events {
			events[i] = Event{key, uint64(first + i + 1)}
		}
		h.Send(first, n, "A", events)
		if s.late {
			late = append(late, answer{first, s.fates})
			continue
		}
		h.Tell(first, s.fates, "answer")
	}
	for _, a := range late {
		h.Tell(a.first, a.fates, "answer")
	}
}

func broken(h *History) []string { return names(h.Violations()) }

func names(violations []Violation) (names []string) {
	for _, v := range violations {
		if !slices.Contains(names, v.Rule) {
			names = append(names, v.Rule)
		}
	}
	return names
}

func newHistory() *History { return New(io.Discard, func() string { return "" }) }

func rows(prints ...uint64) (rows []Row) {
	for _, p := range prints {
		rows = append(rows, Row{key, p})
	}
	return rows
}

// TestRules: each rule is broken by a history made up for it, and by no other of
// its kind; what is allowed breaks none.
func TestRules(t *testing.T) {
	t.Parallel()
	const (
		once     = "at most one attempt on a key is told stored"
		preceded = "a duplicate is of an attempt that could have come first"
		first    = "of the copies in one request the first is the stored one"
		there    = "told stored or duplicate: there is a row"
		single   = "at most one row a key"
		refused  = "only definite refusals: there is no row"
		nobody   = "a row, and nobody was told unknown: exactly one was told stored"
		bytes    = "the row has the bytes of the attempt that was told stored"
	)
	for _, c := range []struct {
		name     string
		sendings []told
		rows     []Row
		breaks   []string
	}{
		{"stored, then a duplicate", []told{at(Stored), at(Duplicate)}, rows(1), nil},
		{"a duplicate that was answered before the stored one", []told{{fates: []Fate{Stored}, late: true}, at(Duplicate)}, rows(1), nil},
		{"copies in a request", []told{at(Stored, Duplicate, Duplicate)}, rows(1), nil},
		{"copies in a request, of which the first is refused", []told{at(Refused, Stored)}, rows(2), nil},
		{"unknown and stored", []told{at(Unknown)}, rows(1), nil},
		{"unknown and not stored", []told{at(Unknown)}, nil, nil},
		{"unknown, then stored", []told{at(Unknown), at(Stored)}, rows(2), nil},
		{"unknown, then a duplicate of it", []told{at(Unknown), at(Duplicate)}, rows(1), nil},
		{"under way for ever", []told{at(Open)}, rows(1), nil},
		{"refused, then stored", []told{at(Refused), at(Stored)}, rows(2), nil},
		{"only refused", []told{at(Refused), at(Refused)}, nil, nil},
		{"refused, then stored, then a duplicate", []told{at(Refused), at(Stored), at(Duplicate)}, rows(2), nil},
		{"a duplicate that was answered after the stored one, and sent before", []told{{fates: []Fate{Duplicate}, late: true}, at(Stored)}, rows(2), nil},
		{"unknown twice, and the second stored", []told{at(Unknown), at(Unknown)}, rows(2), nil},

		{"stored twice", []told{at(Stored), at(Stored)}, rows(1), []string{once}},
		{"a duplicate of nothing", []told{at(Duplicate)}, rows(1), []string{preceded, nobody, bytes}},
		{"a duplicate of a refusal", []told{at(Refused), at(Duplicate)}, rows(2), []string{preceded, nobody, bytes}},
		{"a duplicate of what came later", []told{at(Duplicate), at(Stored)}, rows(2), []string{preceded}},
		{"a duplicate of a later copy", []told{at(Duplicate, Stored)}, rows(2), []string{preceded, first}},
		{"a later copy, with an earlier attempt", []told{at(Unknown), at(Duplicate, Stored)}, rows(3), []string{first}},
		{"stored and gone", []told{at(Stored)}, nil, []string{there}},
		{"a duplicate and gone", []told{at(Unknown), at(Duplicate)}, nil, []string{there}},
		{"two rows", []told{at(Stored), at(Duplicate)}, rows(1, 1), []string{single}},
		{"refused and there", []told{at(Refused)}, rows(1), []string{refused, nobody, bytes}},
		{"another attempt's bytes", []told{at(Stored), at(Duplicate)}, rows(2), []string{bytes}},
		{"a duplicate with its own bytes", []told{at(Unknown), at(Duplicate)}, rows(2), []string{bytes}},
		{"nobody's bytes", []told{at(Stored)}, rows(9), []string{bytes}},
	} {
		h := newHistory()
		tell(h, c.sendings)
		atOnce := len(h.Violations()) // in the end it is judged again, by every rule
		h.CheckAll(c.rows)
		got, want := names(h.Violations()[atOnce:]), slices.Clone(c.breaks)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: broken are %q, want %q", c.name, got, want)
		}
	}
}

// TestSeenAtOnce: what needs no table is found with the answer.
func TestSeenAtOnce(t *testing.T) {
	t.Parallel()
	for name, sendings := range map[string][]told{
		"stored twice":           {at(Stored), at(Stored)},
		"a duplicate of nothing": {at(Refused), at(Duplicate)},
		"a later copy":           {at(Unknown), at(Duplicate, Stored)},
	} {
		h := newHistory()
		tell(h, sendings)
		select {
		case <-h.Broken():
		default:
			t.Errorf("%s: not seen", name)
		}
	}
}

// TestEveryEventOfASendingIsJudged: what is wrong with the last event of a sending is found with the answer, and
// what is wrong with one key of many is found in the end.
func TestEveryEventOfASendingIsJudged(t *testing.T) {
	t.Parallel()
	keys := []Key{{"a", "t"}, {"b", "t"}, {"c", "t"}}
	for wrong := range keys {
		h := newHistory()
		first := h.Reserve(len(keys))
		var events []Event
		fates := []Fate{Stored, Stored, Stored}
		for i, k := range keys {
			events = append(events, Event{k, uint64(i)})
		}
		fates[wrong] = Duplicate
		h.Send(first, 0, "A", events)
		h.Tell(first, fates, "200")
		if got := broken(h); !slices.Equal(got, []string{"a duplicate is of an attempt that could have come first"}) {
			t.Errorf("event %d is a duplicate of nothing: %q", wrong, got)
		}
		for name, check := range map[string]func(h *History, rows []Row){
			"in the end": func(h *History, rows []Row) { h.CheckAll(rows) },
			"midway":     func(h *History, rows []Row) { h.CheckTold(rows, h.Now()) },
		} {
			h := newHistory()
			h.Send(h.Reserve(len(keys)), 0, "A", events)
			h.Tell(0, []Fate{Stored, Stored, Stored}, "200")
			var rows []Row
			for i, e := range events {
				if i != wrong {
					rows = append(rows, Row(e))
				}
			}
			check(h, rows)
			if got := broken(h); !slices.Equal(got, []string{"told stored or duplicate: there is a row"}) {
				t.Errorf("%s: row %d is gone: %q", name, wrong, got)
			}
		}
	}
}

// TestRowsOfNobody: a row that nobody sent is found among many.
func TestRowsOfNobody(t *testing.T) {
	t.Parallel()
	h := newHistory()
	var rows []Row
	for range 50 {
		first := h.Reserve(1)
		e := Event{Key{fmt.Sprint(first), "topic"}, uint64(first)}
		h.Send(first, 0, "A", []Event{e})
		h.Tell(first, []Fate{Stored}, "200")
		rows = append(rows, Row(e))
	}
	h.CheckAll(rows)
	if got := broken(h); got != nil {
		t.Errorf("%q", got)
	}
	h.CheckAll(append(rows, Row{key, 1}))
	if got := broken(h); !slices.Equal(got, []string{"every row was sent"}) {
		t.Errorf("%q", got)
	}
}

// TestCheckTold: in the middle of a run only what was told before the table was read
// has to be in it.
func TestCheckTold(t *testing.T) {
	t.Parallel()
	const (
		there  = "told stored or duplicate: there is a row"
		single = "at most one row a key"
		bytes  = "the row has the bytes of the attempt that was told stored"
	)
	for _, c := range []struct {
		name   string
		before []told // answered before the table is read
		after  []told
		rows   []Row
		breaks []string
	}{
		{"there", []told{at(Stored)}, nil, rows(1), nil},
		{"gone", []told{at(Stored)}, nil, nil, []string{there}},
		{"a duplicate is gone", []told{at(Unknown), at(Duplicate)}, nil, nil, []string{there}},
		{"gone, and it was refused before", []told{at(Refused), at(Stored)}, nil, nil, []string{there}},
		{"told only after", nil, []told{at(Stored)}, nil, nil},
		{"refused, and told stored only after", []told{at(Refused)}, []told{at(Stored)}, nil, nil},
		{"a row of what is under way", []told{at(Refused)}, []told{at(Stored)}, rows(2), nil},
		{"other bytes", []told{at(Stored)}, nil, rows(7), []string{bytes}},
		{"other bytes, and it was refused before", []told{at(Refused), at(Stored)}, nil, rows(1), []string{bytes}},
		{"other bytes, and a duplicate was sent before", []told{{fates: []Fate{Duplicate}, late: true}, at(Stored)}, nil, rows(1), []string{bytes}},
		{"a duplicate of what is under way", []told{at(Unknown), at(Duplicate)}, []told{at(Refused)}, rows(1), nil},
		{"twice", []told{at(Stored)}, nil, rows(1, 1), []string{single}},
	} {
		h := newHistory()
		tell(h, c.before)
		until := h.Now()
		tell(h, c.after)
		h.CheckTold(c.rows, until)
		if got := broken(h); !slices.Equal(got, c.breaks) {
			t.Errorf("%s: broken are %q, want %q", c.name, got, c.breaks)
		}
	}
}
