package main

import (
	"context"
	"fmt"
	"os/exec"

	"ingot/bench/internal/rig"
)

// openCopy makes the copy that a scenario runs on, if an earlier round has not: all its
// rounds, and those of its limits, begin with the same rows.
func (t *trial) openCopy(ctx context.Context) error {
	name := t.scenario.database()
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
	if t.database, err = t.cluster.Copy(ctx, name, t.kept()); err != nil {
		return err
	}
	return t.alter(ctx)
}

// openKept is the database with the rows, loaded where they are missing.
func (t *trial) openKept(ctx context.Context) error {
	there, err := t.cluster.Exists(ctx, t.kept())
	if err != nil {
		return err
	}
	if there {
		t.database, err = t.cluster.URL(t.kept())
	} else {
		t.database, err = t.cluster.Create(ctx, t.kept())
	}
	if err != nil {
		return err
	}
	return t.fill(ctx)
}

// openEmptied is a database without the tables of the round before.
func (t *trial) openEmptied(ctx context.Context) error {
	name := t.scenario.database()
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
	return rig.Exec(ctx, t.database, "DROP SCHEMA IF EXISTS ingot CASCADE")
}

// dropCopy drops a database that outlives rounds, also one that a run which was killed
// has left.
func (h *house) dropCopy(ctx context.Context, s scenario) error {
	if !s.copies() && !s.Emptied || h.cluster == nil {
		return nil
	}
	return h.cluster.Drop(context.WithoutCancel(ctx), s.database())
}

// verify has the ingester hold its tables against each other: for the tables too
// large to be counted in every round.
func (h *house) verify(ctx context.Context, s scenario) error {
	url, err := h.cluster.URL(s.database())
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, h.binary, "verify", "--database-url", url).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ingest verify: %w: %s", err, out)
	}
	return nil
}
