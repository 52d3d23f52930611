package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// follower goes on from where it was until it has seen all there will be.
type follower struct {
	name   string
	house  *feedHouse
	at     *ingester
	random *rand.Rand
	round  func(ctx context.Context, f *follower) error // some progress, or an error that passes

	cursor string
	seen   []string
	breaks int
	again  int // events that came more than once, as a subscription's may
}

func (f *feedHouse) readers(t *testing.T) []*follower {
	for i := range 2 {
		f.all = append(f.all, // in this order: each draws its randomness from the seed
			f.follower(i, fmt.Sprint("pages ", i), pageRound),
			f.follower(i, fmt.Sprint("stream ", i), streamRound),
			f.follower(i, fmt.Sprint("subscription ", i), subscriptionRound(fmt.Sprint("consumer-", i))))
	}
	return f.all
}

// follower follows one of the ingesters.
func (f *feedHouse) follower(n int, name string, round func(context.Context, *follower) error) *follower {
	return &follower{
		name: name, house: f, at: f.ingesters[n%len(f.ingesters)], round: round,
		random: rand.New(rand.NewPCG(f.random.Uint64(), 0)),
	}
}

func (r *follower) follow(ctx context.Context) error {
	for {
		if total := r.house.total.Load(); total > 0 && int64(len(r.seen)) >= total {
			return nil
		}
		if err := r.round(ctx, r); err != nil {
			r.breaks++
			pause(ctx) // the ingester is being started again
		}
		if ctx.Err() != nil {
			return fmt.Errorf("it did not see the end: %d events", len(r.seen))
		}
	}
}

// statusError is another answer than was wanted.
type statusError struct {
	what string
	code int
}

func (e *statusError) Error() string { return fmt.Sprintf("%s is answered %d", e.what, e.code) }

func pause(ctx context.Context) {
	select {
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
	}
}

// byIDReader takes the highest id it has seen for a cursor.
type byIDReader struct {
	conn *pgx.Conn
	last int64
	seen int
}

func (b *byIDReader) follow(t *testing.T, over <-chan struct{}) {
	for {
		ended := false
		select {
		case <-over:
			ended = true
		case <-time.After(2 * time.Millisecond):
		}
		rows, _ := b.conn.Query(t.Context(), "SELECT id FROM ingot.events WHERE id > $1 ORDER BY id", b.last)
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			t.Errorf("the reader that goes by id: %v", err)
			return
		}
		if b.seen += len(ids); len(ids) > 0 {
			b.last = ids[len(ids)-1]
		}
		if ended && len(ids) == 0 {
			return
		}
	}
}
