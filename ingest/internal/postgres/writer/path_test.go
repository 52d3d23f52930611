package writer

import (
	"fmt"
	"testing"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	asked := make([]bool, 10)
	trusting := func(c pathChooser) pathChooser {
		c.seen.misses, c.seen.hits = 10_000, 10_000
		return c
	}
	for name, c := range map[string]struct {
		chooser  pathChooser
		suspects []bool
		brief    bool
		want     plan
	}{
		"cold: look everything up":         {pathChooser{path: PathAuto}, asked, false, plan{direct: true, lookUpAll: true}},
		"hardly warm: look everything up":  {pathChooser{path: PathAuto, seen: guesses{misses: guessesToTrust - 1}}, asked, false, plan{direct: true, lookUpAll: true}},
		"warm: believe the filter":         {trusting(pathChooser{path: PathAuto}), asked, false, plan{direct: true, check: true}},
		"often wrong: look everything up":  {trusting(pathChooser{path: PathAuto, seen: guesses{wrong: 100}}), asked, false, plan{direct: true, lookUpAll: true}},
		"unfounded: look suspects up":      {trusting(pathChooser{path: PathAuto, seen: guesses{unfounded: 100}}), asked, false, plan{direct: true}},
		"no filter: nothing is known":      {trusting(pathChooser{path: PathAuto}), nil, false, plan{}},
		"brief: the path that can wait":    {trusting(pathChooser{path: PathAuto}), asked, true, plan{}},
		"races lately: staged for a while": {trusting(pathChooser{path: PathAuto, staged: 1}), asked, false, plan{}},
		"staged":                           {trusting(pathChooser{path: PathStaged}), asked, false, plan{}},
		"direct":                           {pathChooser{path: PathDirect, staged: 5}, nil, false, plan{direct: true}},
		"direct, hardly warm":              {pathChooser{path: PathDirect, seen: guesses{hits: guessesToTrust - 1}}, asked, false, plan{direct: true}},
		"direct, warm: believe the filter": {pathChooser{path: PathDirect, seen: guesses{hits: guessesToTrust}}, asked, false, plan{direct: true, check: true}},
	} {
		if got := c.chooser.plan(10, c.suspects, c.brief); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestRacesLeadToTheStagedPath and back, once they are over.
func TestRacesLeadToTheStagedPath(t *testing.T) {
	t.Parallel()
	c := pathChooser{path: PathAuto}
	asked := make([]bool, 10)
	for range 50 {
		c.ended(false)
	}
	c.ended(true)
	if !c.plan(10, asked, false).direct {
		t.Error("one race is enough")
	}
	c.ended(true)
	staged := 0
	for !c.plan(10, asked, false).direct {
		staged++
	}
	if staged != stagedFor {
		t.Errorf("staged for %d batches", staged)
	}
}

// TestAutoLearns on a real server: cold, it looks keys up and writes no batch twice
// though every key exists; once it trusts the filter, a filter that has become wrong
// costs a fallback, and trust.
func TestAutoLearns(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	first, w := newWriter(t, url), newWriter(t, url)
	write := func(w *Writer, from, to int, stored bool) {
		t.Helper()
		var events []event.Event
		for i := from; i < to; i++ {
			events = append(events, storetest.Event(fmt.Sprint(i)))
		}
		results, err := w.Merge(t.Context(), event.Batch{Groups: []event.Group{storetest.Group(events...)}, Suspects: make([]bool, len(events))}, func() {})
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range results {
			if s != stored {
				t.Fatalf("event %d of %d..%d: stored %v", i, from, to, s)
			}
		}
	}
	size := func() int64 {
		return pgtest.Number(t, pgtest.Client(t, url), "SELECT pg_relation_size('ingot.events')")
	}
	for i := range 5 {
		write(first, i*1000, i*1000+1000, true)
	}
	if !first.chooser.trusted(1000) {
		t.Errorf("5,000 new keys, and no trust: %+v", first.chooser)
	}
	before := size()
	for i := range 5 {
		write(w, i*1000, i*1000+1000, false) // after a restart: the filter knows nothing
	}
	if w.chooser.trusted(1000) {
		t.Errorf("5,000 wrong guesses, and trust: %+v", w.chooser)
	}
	if after := size(); after != before {
		t.Errorf("the table grew from %d to %d bytes: batches were written twice", before, after)
	}
	write(first, 4000, 5000, false) // trusted, and wrong
	if first.chooser.trusted(1000) {
		t.Errorf("trust after a wrong batch: %+v", first.chooser)
	}
	postgrestest.CheckLog(t, url)
}

// TestSuspectsAreChecked: suspects that have proven to exist are not looked up any
// more, but the Query that writes the others makes sure. A suspect that does not
// exist is stored all the same, by the staged path, and costs the trust.
func TestSuspectsAreChecked(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w := newWriter(t, url)
	w.chooser.seen = guesses{misses: guessesToTrust, hits: guessesToTrust}
	write := func(suspects string, ids ...string) string {
		t.Helper()
		b := event.Batch{Groups: storetest.Groups(make([]string, len(ids))...)}
		for i := range ids {
			b.Groups[0].Events[i].ID = ids[i]
			b.Suspects = append(b.Suspects, suspects[i] == 's')
		}
		stored, err := w.Merge(t.Context(), b, func() {})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(stored)
	}
	awkward := `a'b\c"{},NULL ü`
	write("nnn", "a", awkward, "b")
	if got := write("nssn", "c", "a", awkward, "d"); got != "[true false false true]" {
		t.Errorf("two that exist, two that do not: stored %s", got)
	}
	if w.session.checkPlan.uses != 1 || w.lookers.all[0].plan.uses != 0 || w.session.merged != 0 {
		t.Errorf("not one direct batch with a check: %+v, %+v, %d rows merged", w.session.checkPlan, w.lookers.all[0].plan, w.session.merged)
	}
	if got := write("sssn", "a", "new", "b", "e"); got != "[false true false true]" {
		t.Errorf("a suspect that does not exist: stored %s", got)
	}
	if w.session.merged != 4 || w.chooser.believed(1000) || w.chooser.races != 0 {
		t.Errorf("%d rows merged, chooser %+v", w.session.merged, w.chooser)
	}
	if got := write("sn", "a", "b"); got != "[false false]" || w.chooser.races != raceMemory {
		t.Errorf("a suspect that exists, and a key that nobody suspects: stored %s, races %v", got, w.chooser.races)
	}
	if got := write("sn", "c", "f"); got != "[false true]" || w.lookers.all[0].plan.uses != 0 {
		t.Errorf("a small batch: stored %s", got)
	}
	if got := write("s", "a"); got != "[false]" || w.lookers.all[0].plan.uses != 0 || w.chooser.races >= raceMemory {
		t.Errorf("nothing to write: stored %s, %d look-ups, races %v", got, w.lookers.all[0].plan.uses, w.chooser.races)
	}
	postgrestest.CheckLog(t, url)
}
