package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ingot/bench/internal/mix"
	"ingot/bench/internal/monitor"
	"ingot/bench/internal/postgres"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/server"
	"ingot/bench/internal/slowpg"
	"ingot/bench/internal/truth"
)

// trial is one round as it is set up and runs.
type trial struct {
	*house
	scenario.Scenario
	window
	encoder  *mix.Encoder
	database string // its URL; "" when it is not known
	proxy    *slowpg.Proxy
	servers  []*server.Server
	source   *mix.Source
	acks     *truth.Acks
	lastID   int64 // rows above it are this round's
	opened   monitor.CPU
	cpu      monitor.CPU
}

// setUp brings the database and the ingesters up.
func (t *trial) setUp(ctx context.Context) (err error) {
	if t.given != nil {
		t.servers, t.database = []*server.Server{t.given}, t.DatabaseURL
	} else if err := t.startOwn(ctx); err != nil {
		return err
	}
	// Which numbers of events are free is taken from the time, unless the log can be asked: a run deals less than a
	// thousand events a millisecond.
	first, known := int(time.Now().UnixMilli())<<10, 0
	if t.database != "" {
		if t.lastID, err = truth.LastID(ctx, t.database); err != nil {
			return err
		}
		// Every event that ever came to this database took an id, so numbers from the last id on are fresh.
		first, known = int(t.lastID), t.Known
	}
	t.source, t.acks = mix.NewSource(t.Mix.Duplicates, first, known), truth.NewAcks(first-known)
	return nil
}

// startOwn makes the database, puts rows in, and starts ingesters that know nothing of these rows.
func (t *trial) startOwn(ctx context.Context) error {
	if err := t.openDatabase(ctx); err != nil {
		return err
	}
	url := t.database
	if t.CommitDelay > 0 {
		var err error
		if t.proxy, err = slowpg.Open(t.database, t.CommitDelay); err != nil {
			return fmt.Errorf("open proxy: %w", err)
		}
		if url, err = t.proxy.URL(t.database); err != nil {
			return err
		}
	}
	for range t.IngesterCount() {
		s, err := server.StartIngester(ctx, t.binary, t.logs, url, t.ingesterFlags())
		if err != nil {
			return err
		}
		t.servers = append(t.servers, s)
	}
	if t.FullTable() {
		return nil // altered when it was copied
	}
	return t.alter(ctx) // the ingesters have made the tables
}

func (t *trial) alter(ctx context.Context) error {
	if t.Alter == "" {
		return nil
	}
	if err := postgres.Exec(ctx, t.database, t.Alter); err != nil {
		return fmt.Errorf("alter the tables: %w", err)
	}
	return nil
}

// openDatabase opens a fresh database, the scenario's copy of a kept one, or the one that is emptied.
func (t *trial) openDatabase(ctx context.Context) (err error) {
	switch {
	case t.FullTable():
		return t.openCopy(ctx)
	case t.Emptied:
		return t.openEmptied(ctx)
	}
	if t.database, err = t.cluster.Create(ctx, t.Scenario.Database()); err != nil || t.StoredRows() == 0 {
		return err
	}
	return t.fill(ctx)
}

// fill has an ingester make the tables, loads the rows that are missing, and vacuums them unless that is done.
func (t *trial) fill(ctx context.Context) error {
	s, err := server.StartIngester(ctx, t.binary, t.logs, t.database, t.ingesterFlags())
	if err != nil {
		return err
	}
	if err := s.Stop(); err != nil {
		return err
	}
	have, err := truth.LastID(ctx, t.database)
	if err != nil {
		return err
	}
	if err := t.checkDiskSpace(int(have)); err != nil {
		return err
	}
	if int(have) < t.StoredRows() {
		t.progress.begin(fmt.Sprintf("load %d rows", t.StoredRows()), t.StoredRows())
		defer t.progress.end()
		if err := postgres.Fill(ctx, t.database, t.encoder, t.StoredRows(), t.progress.set); err != nil {
			return err
		}
	}
	if settled, err := postgres.Vacuumed(ctx, t.database); err != nil || settled {
		return err
	}
	t.progress.say("vacuum %d rows", t.StoredRows())
	return postgres.Vacuum(ctx, t.database)
}

func (t *trial) ingesterFlags() []string { return slices.Concat(t.Scenario.Flags, t.flags) }

func (t *trial) stop() (err error) {
	for _, s := range t.servers {
		err = errors.Join(err, s.Stop())
	}
	return err
}

func (t *trial) tearDown(ctx context.Context) error {
	err := t.stop()
	if t.proxy != nil {
		t.proxy.Close()
	}
	if t.given == nil && !t.FullTable() && !t.Emptied {
		err = errors.Join(err, t.cluster.Drop(ctx, t.Scenario.Database()))
	}
	return err
}
