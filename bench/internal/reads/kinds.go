package reads

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"time"

	"ingot/bench/internal/mix"
)

const (
	pageLimit = 100
	walkLimit = 1000
)

// The goals: one for all pages and single events, one for a walk, one for the totals.
const (
	pageGoal  = 40 * time.Millisecond
	walkGoal  = 2 * time.Second
	statsGoal = 20 * time.Millisecond
)

// kind is one kind of read, and what its reads came to.
type kind struct {
	name  string
	share float64 // share of the reads that must reach the goal
	goal  time.Duration
	every int // it is read in one of so many turns
	read  func(ctx context.Context, k *kind) (took time.Duration, err error)

	took  []time.Duration
	short int // pages with less than their limit
}

func (r *run) kinds() []*kind {
	frequent, rare := mix.TopicName(0), mix.TopicName(r.Topics-1)
	return []*kind{
		{name: "first page, frequent topic", share: 0.99, goal: pageGoal, every: 1, read: r.first(frequent)},
		{name: "first page, rare topic", share: 0.99, goal: pageGoal, every: 1, read: r.first(rare)},
		{name: "newest page", share: 0.99, goal: pageGoal, every: 1, read: r.newest},
		{name: "one event by key", share: 0.99, goal: pageGoal, every: 1, read: r.byKey},
		{name: "middle page", share: 0.99, goal: pageGoal, every: 1, read: r.middle},
		{name: "GET /stats", share: 0.5, goal: statsGoal, every: 1, read: r.stats},
		{name: "walk of a rare topic", share: 1, goal: walkGoal, every: max(1, r.Count/walks), read: r.walk(rare)},
	}
}

// first reads where a topic begins in the feed.
func (r *run) first(topic string) func(context.Context, *kind) (time.Duration, error) {
	want := r.ofTopic(topic, pageLimit)
	query := url.Values{"order": {"asc"}, "topic": {topic}, "limit": {strconv.Itoa(pageLimit)}}
	return func(ctx context.Context, k *kind) (time.Duration, error) {
		var p page
		took, err := r.get(ctx, "/events", query, &p)
		if len(p.Events) < len(want) {
			k.short++
		}
		return took, errors.Join(err, r.startsWith(p.Events, want), distinct(p.Events, topic))
	}
}

// newest reads the events that came last. They must be of this run, each once.
func (r *run) newest(ctx context.Context, _ *kind) (time.Duration, error) {
	var p page
	took, err := r.get(ctx, "/events", url.Values{"limit": {strconv.Itoa(pageLimit)}}, &p)
	if err == nil && len(p.Events) != pageLimit {
		err = fmt.Errorf("%d events, want %d", len(p.Events), pageLimit)
	}
	for _, e := range p.Events {
		if e.ReceivedAt.Before(r.Began) {
			err = fmt.Errorf("(%s, %s) of %s is not among the newest", e.ID, e.Topic, e.ReceivedAt)
		}
	}
	return took, errors.Join(err, distinct(p.Events, ""))
}

// byKey reads any of the events.
func (r *run) byKey(ctx context.Context, _ *kind) (time.Duration, error) {
	var e event
	i := rand.IntN(r.Rows)
	id, topic := r.Encoder.Key(i)
	took, err := r.get(ctx, "/events/"+url.PathEscape(topic)+"/"+url.PathEscape(id), nil, &e)
	if err == nil {
		err = r.same(e, i)
	}
	return took, err
}

// middle reads a page of all topics from a random position in the feed.
func (r *run) middle(ctx context.Context, k *kind) (time.Duration, error) {
	var p page
	from := r.positions[rand.IntN(len(r.positions))]
	took, err := r.get(ctx, "/events", url.Values{"order": {"asc"}, "cursor": {from.cursor}, "limit": {strconv.Itoa(pageLimit)}}, &p)
	if err != nil || len(p.Events) == 0 {
		return took, errors.Join(err, errors.New("an empty page"))
	}
	if len(p.Events) < pageLimit {
		k.short++
	}
	begin, err := r.from(from, p.Events[0].ID)
	for n := 0; n < len(p.Events) && begin+n < r.Rows && err == nil; n++ {
		err = r.same(p.Events[n], begin+n)
	}
	return took, err
}

// stats reads the totals. They never fall.
func (r *run) stats(ctx context.Context, _ *kind) (time.Duration, error) {
	var s stats
	took, err := r.get(ctx, "/stats", nil, &s)
	if err == nil && (len(s.Topics) != r.Topics || s.Unique < int64(r.Rows) || s.Received < max(s.Unique, r.received)) {
		err = fmt.Errorf("%d topics, %d received, %d of them unique; before that %d were", len(s.Topics), s.Received, s.Unique, r.received)
	}
	r.received = s.Received
	return took, err
}

// walk reads a topic in feed order, from its beginning to as many events as it had
// when the walk began.
func (r *run) walk(topic string) func(context.Context, *kind) (time.Duration, error) {
	want := r.ofTopic(topic, r.Rows)
	return func(ctx context.Context, _ *kind) (all time.Duration, err error) {
		var s stats
		if _, err := r.get(ctx, "/stats", nil, &s); err != nil {
			return 0, err
		}
		if n := s.Topics[topic]; n < len(want) {
			return 0, fmt.Errorf("a topic of %d events, there were %d before the run", n, len(want))
		}
		query := url.Values{"order": {"asc"}, "topic": {topic}, "limit": {strconv.Itoa(walkLimit)}}
		var got []event
		for len(got) < s.Topics[topic] {
			var p page
			took, err := r.get(ctx, "/events", query, &p)
			if all += took; err != nil {
				return all, err
			}
			if p.Next == query.Get("cursor") {
				return all, fmt.Errorf("the walk ended after %d events, but there were %d", len(got), s.Topics[topic])
			}
			query.Set("cursor", p.Next)
			got = append(got, p.Events...)
		}
		return all, errors.Join(r.startsWith(got, want), distinct(got, topic))
	}
}
