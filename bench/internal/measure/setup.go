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

// setUp brings the database and the ingesters of a round up. Its caller has to call tearDown, unless there is an error.
func setUp(ctx context.Context, env *environment.Environment, s scenario.Scenario, w Window) (*round, error) {
	r, err := newRound(env, s, w)
	if err != nil {
		return nil, err
	}
	if err := r.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("set up: %w", err), r.tearDown(ctx))
	}
	return r, nil
}

// newRound is a round that nothing is set up for yet.
func newRound(env *environment.Environment, s scenario.Scenario, w Window) (*round, error) {
	encoder, err := mix.NewEncoder(s.Mix)
	return &round{env: env, scenario: s, window: w, encoder: encoder}, err
}

func (r *round) start(ctx context.Context) (err error) {
	if r.env.Attached != nil {
		r.servers, r.database = []*server.Server{r.env.Attached}, r.env.DatabaseURL
	} else if err := r.startServers(ctx); err != nil {
		return err
	}
	// Which numbers of events are free is taken from the time, unless the log can be asked: a round deals less than a
	// thousand events a millisecond.
	first, known := int(time.Now().UnixMilli())<<10, 0
	if r.database != "" {
		if r.lastID, err = postgres.LastID(ctx, r.database); err != nil {
			return err
		}
		// Every event that ever came to this database took an id, so numbers from the last id on are fresh.
		first, known = r.lastID, r.scenario.Known
	}
	r.source, r.acks = mix.NewSource(r.scenario.Mix.Duplicates, first, known), truth.NewAcks(first-known)
	return nil
}

// startServers makes the database, puts rows in, and starts ingesters that know nothing of these rows.
func (r *round) startServers(ctx context.Context) error {
	if err := r.openDatabase(ctx); err != nil {
		return err
	}
	url := r.database
	if r.scenario.CommitDelay > 0 {
		var err error
		if r.proxy, err = slowpg.Open(r.database, r.scenario.CommitDelay); err != nil {
			return fmt.Errorf("open proxy: %w", err)
		}
		url = r.proxy.URL
	}
	for range r.scenario.IngesterCount() {
		s, err := server.StartIngester(ctx, r.env.Binary, r.env.Logs, url, r.ingesterFlags())
		if err != nil {
			return err
		}
		r.servers = append(r.servers, s)
	}
	if r.scenario.FullTable() {
		return nil // altered when it was copied
	}
	return r.alter(ctx) // the ingesters have made the tables
}

func (r *round) alter(ctx context.Context) error {
	if r.scenario.Alter == "" {
		return nil
	}
	if err := postgres.Exec(ctx, r.database, r.scenario.Alter); err != nil {
		return fmt.Errorf("alter the tables: %w", err)
	}
	return nil
}

func (r *round) ingesterFlags() []string { return slices.Concat(r.scenario.Flags, r.env.IngesterFlags) }

func (r *round) stopServers() (err error) {
	for _, s := range r.servers {
		err = errors.Join(err, s.Stop())
	}
	return err
}

// tearDown stops what setUp has started, also when ctx has ended, and drops the database unless it outlives the round
// (dropDatabase).
func (r *round) tearDown(ctx context.Context) error {
	err := r.stopServers()
	if r.proxy != nil {
		r.proxy.Close()
	}
	if r.env.Attached == nil && !r.scenario.FullTable() && !r.scenario.Emptied {
		err = errors.Join(err, r.env.Cluster.Drop(context.WithoutCancel(ctx), r.scenario.DatabaseName()))
	}
	return err
}
