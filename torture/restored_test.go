package torture

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// restored is an old history, what its readers saw of it, and which places they held.
type restored struct {
	old     *feedHouse
	readers []*follower
	seen    []string // the old history
	places  []readPlace

	wentOn, refused int
}

// readPlace is a cursor, and how much had been seen when it was given out.
type readPlace struct {
	by     string
	cursor string
	seen   int
}

// note has all readers read to the end and keeps every place on their way.
func (r *restored) note(t *testing.T) {
	t.Helper()
	r.seen = r.old.order(t)
	r.old.total.Store(int64(len(r.seen)))
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	for _, f := range r.readers {
		for len(f.seen) < len(r.seen) {
			_ = f.round(ctx, f) // a server that is stopped for a copy cuts streams
			if ctx.Err() != nil {
				t.Fatalf("%s saw %d of %d", f.name, len(f.seen), len(r.seen))
			}
			if f.cursor != "" && f.cursor != "made" {
				r.places = append(r.places, readPlace{f.name, f.cursor, len(f.seen)})
			}
		}
		if !slices.Equal(f.seen, r.seen) {
			t.Fatalf("%s parts from the old history at %d", f.name, parting(f.seen, r.seen))
		}
	}
}

// subscriptions is how far each of them is.
func (r *restored) subscriptions() map[string]int {
	kept := map[string]int{}
	for _, f := range r.readers {
		if name, is := strings.CutPrefix(f.name, "subscription "); is {
			kept["consumer-"+name] = len(f.seen)
		}
	}
	return kept
}

// judge goes on from every place, by pages and by a stream.
func (r *restored) judge(t *testing.T, other *feedHouse) {
	t.Helper()
	order := other.order(t)
	other.total.Store(int64(len(order)))
	for n, p := range r.places {
		for _, f := range []*follower{
			other.follower(n, p.by+", then pages", pageRound),
			other.follower(n, p.by+", then stream", streamRound),
		} {
			f.cursor, f.seen = p.cursor, slices.Clone(r.seen[:p.seen])
			r.goOn(t, f, order, p.seen)
		}
	}
}

// judgeSubscriptions: one goes on from where it was in the copy; what was given out
// after that cannot be committed.
func (r *restored) judgeSubscriptions(t *testing.T, other *feedHouse, kept map[string]int) {
	t.Helper()
	order := other.order(t)
	other.total.Store(int64(len(order)))
	for name, seen := range kept {
		f := other.follower(0, name, subscriptionRound(name))
		f.cursor = "made" // it is in the copy
		for _, p := range r.places {
			err := f.send(t.Context(), "POST", "/subscriptions/"+name+"/commit", fmt.Sprintf(`{"cursor":%q}`, p.cursor))
			if p.seen > seen && !isPrefix(r.seen[:p.seen], order) && !gone(err) {
				t.Errorf("%s takes a place of the old history, behind %d events: %v", name, p.seen, err)
			}
		}
		if f.seen = slices.Clone(r.seen[:max(seen, r.lastIn(order))]); !r.goOn(t, f, order, len(f.seen)) {
			t.Errorf("%s did not go on", name)
		}
	}
}

func isPrefix(a, b []string) bool { return len(a) <= len(b) && slices.Equal(a, b[:len(a)]) }

// lastIn is how much had been seen at the last place that is one of that order as well.
func (r *restored) lastIn(order []string) (seen int) {
	for _, p := range r.places {
		if isPrefix(r.seen[:p.seen], order) {
			seen = max(seen, p.seen)
		}
	}
	return seen
}

// goOn follows to the end, and holds it against the order: who goes on has seen all of
// it then, what came was its end, and nothing was left out before.
func (r *restored) goOn(t *testing.T, f *follower, order []string, before int) (wentOn bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	for {
		err := f.round(ctx, f)
		if gone(err) {
			r.refused++
			return false
		}
		if n := len(f.seen); err != nil || n >= len(order) || n > 0 && f.seen[n-1] == order[len(order)-1] {
			break
		}
	}
	r.wentOn++
	came := f.seen[before:]
	if len(came) > len(order) || !slices.Equal(came, order[len(order)-len(came):]) {
		t.Errorf("%s: what came behind %d events is not the end of the feed", f.name, before)
	}
	met := map[string]bool{}
	for _, id := range f.seen {
		met[id] = true
	}
	if i := slices.IndexFunc(order, func(id string) bool { return !met[id] }); i >= 0 {
		t.Errorf("%s: a silent gap behind %d events: %s, at %d of %d, was never shown", f.name, before, order[i], i, len(order))
	}
	return true
}
