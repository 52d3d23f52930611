package torture

import (
	"fmt"
	"math/rand/v2"

	"ingot/torture/internal/oracle"
)

// stormConsumer consumes a subscription from one ingester, or from each in turn. It
// crashes again and again before it commits: then the same has to come again, and
// never what was committed.
type stormConsumer struct {
	name string // of the subscription as well
	from []*stormIngester

	asker  *stormAsker
	random *rand.Rand
	place  string // the last that was committed
	seen   int    // rows up to there
	again  int    // rows that were not committed, and came again
}

func (f *stormConsumer) String() string { return f.name }

func (f *stormConsumer) follow(s *storm) (seen int, ended bool) {
	f.asker, f.random = s.newAsker(f.name), s.randomOf(f.name)
	defer f.asker.close()
	f.insist(s, "PUT", "", `{"after":"beginning"}`)
	for n := 0; s.ctx.Err() == nil; n++ {
		last := s.reading.Err() != nil // nothing is committed after this
		rows, next, err := f.next(f.from[n%len(f.from)])
		if err != nil {
			f.asker.stuck(f.seen, err)
			continue
		}
		s.feed.Saw(f.name, f.seen, rows)
		switch {
		case len(rows) == 0 && next == f.place && last:
			s.Logf("%s: %d rows, %d came again", f.name, f.seen, f.again)
			return f.seen, true
		case f.random.IntN(4) == 0: // it crashes
			f.again += len(rows)
		case f.insist(s, "POST", "/commit", fmt.Sprintf(`{"cursor":%q}`, next)):
			f.seen, f.place = f.seen+len(rows), next
			s.read.Add(int64(len(rows)))
		}
	}
	return f.seen, false
}

// next is the events behind what is committed.
func (f *stormConsumer) next(from *stormIngester) (rows []oracle.Row, next string, err error) {
	body, err := f.asker.get(from, fmt.Sprintf("/subscriptions/%s/events?limit=%d&wait=300ms", f.name, 1+f.random.IntN(1000)))
	if err != nil {
		return nil, "", err
	}
	return readPage(body)
}

// insist sends a request until its answer is there. One whose answer was lost may have
// been carried out, then or later: the second does the same, and nothing moves back.
func (f *stormConsumer) insist(s *storm, method, path, body string) bool {
	for s.ctx.Err() == nil {
		from := f.from[f.random.IntN(len(f.from))]
		_, err := f.asker.read(f.asker.request(method, from, "/subscriptions/"+f.name+path, body))
		if err == nil {
			return true
		}
		f.asker.stuck(f.seen, err)
	}
	return false
}

// openSubscriptions has the ingester open its connections for them.
func (s *storm) openSubscriptions(i *stormIngester) {
	got, err := i.http.Get(i.url("/subscriptions"))
	if err == nil {
		_ = got.Body.Close()
	}
}
