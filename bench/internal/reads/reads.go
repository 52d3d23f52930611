package reads

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"ingot/bench/internal/mix"
)

// walks is how many walks of a rare topic there are in a run.
const walks = 20

// Run says what is read, from where.
type Run struct {
	Address  string
	Encoder  *mix.Encoder // of a mix with many topics
	Rows     int          // events 0..Rows-1 are the first in the feed
	Topics   int
	Count    int       // reads of each kind
	Began    time.Time // when the writing beside began: the newest events are younger
	Progress func(done int)
}

// run is a Run under way.
type run struct {
	Run
	http      *http.Client // one connection
	positions []position
	received  int64 // events received, as the totals last said
}

// position is a cursor of the feed, the number of an event that stands before it, and of one that does not.
type position struct {
	cursor        string
	after, before int
}

// Do reads each kind in turn, Count times. It fails at the first answer that is
// wrong.
func (r Run) Do(ctx context.Context) ([]Figure, error) {
	u := &run{Run: r, http: &http.Client{Transport: &http.Transport{}, Timeout: requestTimeout}}
	defer u.http.CloseIdleConnections()
	if err := u.findPositions(ctx); err != nil {
		return nil, fmt.Errorf("find places in the feed: %w", err)
	}
	kinds := u.kinds()
	for turn := range r.Count {
		for _, k := range kinds {
			if turn%k.every != 0 {
				continue
			}
			took, err := k.read(ctx, k)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k.name, err)
			}
			k.took = append(k.took, took)
		}
		r.Progress(turn + 1)
	}
	var figures []Figure
	for _, k := range kinds {
		figures = append(figures, k.figure())
	}
	return figures, nil
}

// findPositions walks a topic in feed order. The cursor behind each page that is not empty is a position in the feed of all topics.
func (r *run) findPositions(ctx context.Context) error {
	topic := mix.TopicName(r.Topics / 10)
	want := r.ofTopic(topic, r.Rows)
	query := url.Values{"order": {"asc"}, "topic": {topic}, "limit": {strconv.Itoa(pageLimit)}}
	for len(want) > pageLimit { // behind the last there may be no whole page
		var p page
		if _, err := r.get(ctx, "/events", query, &p); err != nil {
			return err
		}
		if p.Next == query.Get("cursor") {
			return fmt.Errorf("%d events of %s are missing", len(want), topic)
		}
		if len(p.Events) > pageLimit {
			return fmt.Errorf("%d events, the limit is %d", len(p.Events), pageLimit)
		}
		if len(p.Events) > 0 {
			if err := r.startsWith(p.Events, want); err != nil {
				return err
			}
			r.positions = append(r.positions, position{p.Next, want[len(p.Events)-1], want[len(p.Events)]})
		}
		query.Set("cursor", p.Next)
		want = want[len(p.Events):]
	}
	if len(r.positions) == 0 {
		return fmt.Errorf("%d rows are too few", r.Rows)
	}
	return nil
}
