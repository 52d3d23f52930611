package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/mix"
	"ingot/bench/internal/postgres"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/server"
	"ingot/bench/internal/slowpg"
	"ingot/bench/internal/truth"
)

// SetUp brings the database and the ingesters of a round up. Its caller has to call TearDown, unless there is an error.
func SetUp(ctx context.Context, env *environment.Environment, s scenario.Scenario, w Window) (*Round, error) {
	r, err := newRound(env, s, w)
	if err != nil {
		return nil, err
	}
	if err := r.setUp(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("set up: %w", err), r.TearDown(ctx))
	}
	return r, nil
}

// newRound is a round that nothing is set up for yet.
func newRound(env *environment.Environment, s scenario.Scenario, w Window) (*Round, error) {
	encoder, err := mix.NewEncoder(s.Mix)
	return &Round{Environment: env, Scenario: s, Window: w, Encoder: encoder}, err
}

func (r *Round) setUp(ctx context.Context) (err error) {
	if r.Attached != nil {
		r.Servers, r.Database = []*server.Server{r.Attached}, r.DatabaseURL
	} else if err := r.startServers(ctx); err != nil {
		return err
	}
	// Which numbers of events are free is taken from the time, unless the log can be asked: a round deals less than a
	// thousand events a millisecond.
	first, known := int(time.Now().UnixMilli())<<10, 0
	if r.Database != "" {
		if r.lastID, err = postgres.LastID(ctx, r.Database); err != nil {
			return err
		}
		// Every event that ever came to this database took an id, so numbers from the last id on are fresh.
		first, known = r.lastID, r.Known
	}
	r.Source, r.Acks = mix.NewSource(r.Mix.Duplicates, first, known), truth.NewAcks(first-known)
	return nil
}

// startServers makes the database, puts rows in, and starts ingesters that know nothing of these rows.
func (r *Round) startServers(ctx context.Context) error {
	if err := r.openDatabase(ctx); err != nil {
		return err
	}
	url := r.Database
	if r.CommitDelay > 0 {
		var err error
		if r.proxy, err = slowpg.Open(r.Database, r.CommitDelay); err != nil {
			return fmt.Errorf("open proxy: %w", err)
		}
		url = r.proxy.URL
	}
	for range r.IngesterCount() {
		s, err := server.StartIngester(ctx, r.Binary, r.Logs, url, r.ingesterFlags())
		if err != nil {
			return err
		}
		r.Servers = append(r.Servers, s)
	}
	if r.FullTable() {
		return nil // altered when it was copied
	}
	return r.alter(ctx) // the ingesters have made the tables
}

func (r *Round) alter(ctx context.Context) error {
	if r.Alter == "" {
		return nil
	}
	if err := postgres.Exec(ctx, r.Database, r.Alter); err != nil {
		return fmt.Errorf("alter the tables: %w", err)
	}
	return nil
}

func (r *Round) ingesterFlags() []string { return slices.Concat(r.Flags, r.IngesterFlags) }

func (r *Round) stopServers() (err error) {
	for _, s := range r.Servers {
		err = errors.Join(err, s.Stop())
	}
	return err
}

// TearDown stops what SetUp has started, also when ctx has ended, and drops the database unless it outlives the round
// (DropDatabase).
func (r *Round) TearDown(ctx context.Context) error {
	err := r.stopServers()
	if r.proxy != nil {
		r.proxy.Close()
	}
	if r.Attached == nil && !r.FullTable() && !r.Emptied {
		err = errors.Join(err, r.Cluster.Drop(context.WithoutCancel(ctx), r.DatabaseName()))
	}
	return err
}
