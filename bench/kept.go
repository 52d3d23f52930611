package main

import (
	"context"
	"fmt"
	"os/exec"

	"ingot/bench/internal/postgres"
	"ingot/bench/internal/scenario"
)

// openCopy opens the copy that a scenario runs on, and makes it unless an earlier round has. All rounds of the scenario,
// and those of the limit pour, share this copy.
func (t *trial) openCopy(ctx context.Context) error {
	name := t.Scenario.Database()
	there, err := t.cluster.Exists(ctx, name)
	if err != nil {
		return err
	}
	if there {
		t.database, err = t.cluster.URL(name)
		return err
	}
	if err := t.openKept(ctx); err != nil {
		return err
	}
	t.progress.say("copy %d rows", t.Base)
	if t.database, err = t.cluster.Copy(ctx, name, t.BaseDatabase()); err != nil {
		return err
	}
	return t.alter(ctx)
}

// openKept opens the database that is kept with its rows, and loads the rows that are missing.
func (t *trial) openKept(ctx context.Context) error {
	there, err := t.cluster.Exists(ctx, t.BaseDatabase())
	if err != nil {
		return err
	}
	if there {
		t.database, err = t.cluster.URL(t.BaseDatabase())
	} else {
		t.database, err = t.cluster.Create(ctx, t.BaseDatabase())
	}
	if err != nil {
		return err
	}
	return t.fill(ctx)
}

// openEmptied opens the scenario's database, without the tables of the round before.
func (t *trial) openEmptied(ctx context.Context) error {
	name := t.Scenario.Database()
	there, err := t.cluster.Exists(ctx, name)
	if err != nil {
		return err
	}
	if !there {
		t.database, err = t.cluster.Create(ctx, name)
		return err
	}
	if t.database, err = t.cluster.URL(name); err != nil {
		return err
	}
	return postgres.Exec(ctx, t.database, "DROP SCHEMA IF EXISTS ingot CASCADE")
}

// dropCopy drops the scenario's database if it outlives a round. It also drops one that a killed run has left.
func (h *house) dropCopy(ctx context.Context, s scenario.Scenario) error {
	if !s.FullTable() && !s.Emptied || h.cluster == nil {
		return nil
	}
	return h.cluster.Drop(context.WithoutCancel(ctx), s.Database())
}

// verify has the ingester check that its tables agree with each other (ingest verify). It is for tables that are too large
// to be counted in every round.
func (h *house) verify(ctx context.Context, s scenario.Scenario) error {
	url, err := h.cluster.URL(s.Database())
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, h.binary, "verify", "--database-url", url).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ingest verify: %w: %s", err, out)
	}
	return nil
}
