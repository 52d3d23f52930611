package measure

import (
	"context"
	"fmt"
	"os/exec"
	"syscall"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/postgres"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/server"
)

// openDatabase opens a fresh database, the scenario's copy of its base, or the one that is emptied.
func (r *round) openDatabase(ctx context.Context) error {
	name := r.scenario.DatabaseName()
	r.database = r.env.Cluster.URL(name)
	switch {
	case r.scenario.FullTable():
		return r.openCopy(ctx)
	case r.scenario.Emptied:
		if err := r.env.Cluster.CreateMissing(ctx, name); err != nil {
			return err
		}
		return postgres.Exec(ctx, r.database, "DROP SCHEMA IF EXISTS ingot CASCADE")
	}
	if err := r.env.Cluster.Create(ctx, name); err != nil || r.scenario.StoredRows() == 0 {
		return err
	}
	return r.fill(ctx, r.database)
}

// openCopy makes the copy that a scenario runs on, unless an earlier round has. All rounds of the scenario, and those of the
// limit pour, share it.
func (r *round) openCopy(ctx context.Context) error {
	there, err := r.env.Cluster.Exists(ctx, r.scenario.DatabaseName())
	if err != nil || there {
		return err
	}
	if err := r.openBase(ctx); err != nil {
		return err
	}
	r.env.Progress.Say("copy %d rows", r.scenario.Base)
	if err := r.env.Cluster.Copy(ctx, r.scenario.DatabaseName(), r.scenario.BaseDatabaseName()); err != nil {
		return err
	}
	return r.alter(ctx)
}

// openBase opens the base, which outlives the run with its rows, and loads the rows that are missing.
func (r *round) openBase(ctx context.Context) error {
	if err := r.env.Cluster.CreateMissing(ctx, r.scenario.BaseDatabaseName()); err != nil {
		return err
	}
	return r.fill(ctx, r.env.Cluster.URL(r.scenario.BaseDatabaseName()))
}

// fill has an ingester make the tables, loads the rows that are missing, and vacuums them unless that is done.
func (r *round) fill(ctx context.Context, database string) error {
	s, err := server.StartIngester(ctx, r.env.Binary, r.env.Logs, database, r.ingesterFlags())
	if err != nil {
		return err
	}
	if err := s.Stop(); err != nil {
		return err
	}
	have, err := postgres.LastID(ctx, database)
	if err != nil {
		return err
	}
	if err := r.checkDiskSpace(have); err != nil {
		return err
	}
	if have < r.scenario.StoredRows() {
		r.env.Progress.Begin(fmt.Sprintf("load %d rows", r.scenario.StoredRows()), r.scenario.StoredRows())
		defer r.env.Progress.End()
		if err := postgres.Fill(ctx, database, r.encoder, r.scenario.StoredRows(), r.env.Progress.Set); err != nil {
			return err
		}
	}
	if vacuumed, err := postgres.Vacuumed(ctx, database); err != nil || vacuumed {
		return err
	}
	r.env.Progress.Say("vacuum %d rows", r.scenario.StoredRows())
	return postgres.Vacuum(ctx, database)
}

// bytesPerRow is what a row of a full table takes on the disk, with its indexes: 20 million take 10 GB.
const bytesPerRow = 500

// copyGrows is how large the copy of a full table becomes, in sizes of that table, with what is written to it and to the WAL.
const copyGrows = 1.5

// checkDiskSpace refuses to load rows, and to copy them, where they would fill the disk: Postgres would stop in the middle, and
// so would whatever else writes there. It knows nothing of the disk of a Postgres that was given.
func (r *round) checkDiskSpace(have int) error {
	if r.env.Disk == "" || !r.scenario.FullTable() {
		return nil
	}
	var at syscall.Statfs_t
	if err := syscall.Statfs(r.env.Disk, &at); err != nil {
		return fmt.Errorf("look at the disk of %s: %w", r.env.Disk, err)
	}
	free, wanted := float64(at.Bavail)*float64(at.Bsize), bytesPerRow*(float64(max(0, r.scenario.Base-have))+copyGrows*float64(r.scenario.Base))
	if free >= wanted {
		return nil
	}
	mend := "set --data-dir to a folder on another disk"
	if r.scenario.Set != scenario.Named {
		mend += ", or --rows to fewer rows"
	}
	return fmt.Errorf("the disk of %s has %.1f GB free, but %d rows (%d are there) and the copy that is measured need %.1f GB: %s",
		r.env.Disk, free/1e9, r.scenario.Base, have, wanted/1e9, mend)
}

// dropDatabase drops the scenario's database if it outlives a round. It also drops one that a killed run has left.
func dropDatabase(ctx context.Context, env *environment.Environment, s scenario.Scenario) error {
	if !s.FullTable() && !s.Emptied || env.Cluster == nil {
		return nil
	}
	return env.Cluster.Drop(context.WithoutCancel(ctx), s.DatabaseName())
}

// verify has the ingester check that its tables agree with each other (ingest verify). It is for tables that are too large
// to be counted in every round.
func verify(ctx context.Context, env *environment.Environment, s scenario.Scenario) error {
	out, err := exec.CommandContext(ctx, env.Binary, "verify", "--database-url", env.Cluster.URL(s.DatabaseName())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ingest verify: %w: %s", err, out)
	}
	return nil
}
