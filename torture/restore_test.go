package torture

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"ingot/internal/localpg"
)

// TestRestoreElsewhere: what readers hold of a history goes on in a copy of it that
// has gone another way, without a gap, or is refused with 410.
func TestRestoreElsewhere(t *testing.T) {
	t.Run("pg_dump", func(t *testing.T) { restoreElsewhere(t, dumpAndRestore) })
	t.Run("a cold copy", func(t *testing.T) { restoreElsewhere(t, coldCopy) })
}

// The old history: requests that are in the copy, and those that come while it is
// made and as many after it. The other one has to become longer than that.
const restoreBefore, restoreAfter, restoreOther = 60, 30, 150

func restoreElsewhere(t *testing.T, copied func(t *testing.T, from *localpg.Server, to string) *localpg.Server) {
	server, err := localpg.Start(t.Context(), localpg.Options{DataDir: dataFolder(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopServer(t, server) })
	old := openFeed(t, server, 2)
	old.want(t, 0, restoreBefore/2)
	old.hole(t)
	old.want(t, restoreBefore/2, restoreBefore)
	r := &restored{old: old, readers: old.readers(t)}
	r.note(t)
	kept := r.subscriptions()

	var meanwhile sync.WaitGroup
	meanwhile.Go(func() { old.want(t, restoreBefore, restoreBefore+restoreAfter) }) // ends when they are stored
	elsewhere := copied(t, server, dataFolder(t))
	meanwhile.Wait()
	old.want(t, restoreBefore+restoreAfter, restoreBefore+2*restoreAfter)
	t.Cleanup(func() { stopServer(t, elsewhere) })
	old.conn = connect(t, old.url)
	r.note(t)

	other := openFeed(t, elsewhere, 2)
	copiedEvents := len(other.order(t))
	r.judge(t, other)
	other.want(t, 1_000, 1_000+restoreOther)
	t.Logf("%d events in the copy, of %d there were; %d later in the other history", copiedEvents, len(r.seen), len(other.order(t)))
	r.judge(t, other)
	r.judgeSubscriptions(t, other, kept)
	if r.wentOn == 0 || r.refused == 0 {
		t.Errorf("%d places went on, %d were refused: both should be", r.wentOn, r.refused)
	}
	t.Logf("%d places, %d times one went on and %d times one was refused", len(r.places), r.wentOn, r.refused)
	old.stop(t)
	other.stop(t)
}

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
		for how, round := range map[string]func(context.Context, *follower) error{"pages": pageRound, "stream": streamRound} {
			f := other.follower(n, p.by+", then "+how, round)
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

// gone is how a place of another history is refused.
func gone(err error) bool {
	var status *statusError
	return errors.As(err, &status) && status.code == http.StatusGone
}

// want publishes requests until each of them is stored.
func (f *feedHouse) want(t *testing.T, from, to int) {
	for n := from; n < to; n++ {
		i := f.ingesters[n%len(f.ingesters)]
		for i.publishBytes(f.body(n)).status != http.StatusOK && t.Context().Err() == nil {
			pause(t.Context())
		}
	}
}

// hole leaves room in the table that a restored one does not have.
func (f *feedHouse) hole(t *testing.T) {
	t.Helper()
	execute(t, f.conn, `BEGIN; INSERT INTO ingot.events SELECT 'hole-' || n, 'hole', -n, 's', now(), now(), '0'
		FROM generate_series(1, 20000) AS n; ROLLBACK`)
}
