package measure

import (
	"context"
	"fmt"
	"os/exec"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/postgres"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/server"
)

// openDatabase opens a fresh database, the scenario's copy of its base, or the one that is emptied.
func (r *Round) openDatabase(ctx context.Context) error {
	name := r.DatabaseName()
	r.Database = r.Cluster.URL(name)
	switch {
	case r.FullTable():
		return r.openCopy(ctx)
	case r.Emptied:
		if err := r.Cluster.CreateMissing(ctx, name); err != nil {
			return err
		}
		return postgres.Exec(ctx, r.Database, "DROP SCHEMA IF EXISTS ingot CASCADE")
	}
	if err := r.Cluster.Create(ctx, name); err != nil || r.StoredRows() == 0 {
		return err
	}
	return r.fill(ctx, r.Database)
}

// openCopy makes the copy that a scenario runs on, unless an earlier round has. All rounds of the scenario, and those of the
// limit pour, share it.
func (r *Round) openCopy(ctx context.Context) error {
	there, err := r.Cluster.Exists(ctx, r.DatabaseName())
	if err != nil || there {
		return err
	}
	if err := r.openBase(ctx); err != nil {
		return err
	}
	r.Progress.Say("copy %d rows", r.Base)
	if err := r.Cluster.Copy(ctx, r.DatabaseName(), r.BaseDatabaseName()); err != nil {
		return err
	}
	return r.alter(ctx)
}

// openBase opens the base, which outlives the run with its rows, and loads the rows that are missing.
func (r *Round) openBase(ctx context.Context) error {
	if err := r.Cluster.CreateMissing(ctx, r.BaseDatabaseName()); err != nil {
		return err
	}
	return r.fill(ctx, r.Cluster.URL(r.BaseDatabaseName()))
}

// fill has an ingester make the tables, loads the rows that are missing, and vacuums them unless that is done.
func (r *Round) fill(ctx context.Context, database string) error {
	s, err := server.StartIngester(ctx, r.Binary, r.Logs, database, r.ingesterFlags())
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
	if have < r.StoredRows() {
		r.Progress.Begin(fmt.Sprintf("load %d rows", r.StoredRows()), r.StoredRows())
		defer r.Progress.End()
		if err := postgres.Fill(ctx, database, r.Encoder, r.StoredRows(), r.Progress.Set); err != nil {
			return err
		}
	}
	if vacuumed, err := postgres.Vacuumed(ctx, database); err != nil || vacuumed {
		return err
	}
	r.Progress.Say("vacuum %d rows", r.StoredRows())
	return postgres.Vacuum(ctx, database)
}

// DropDatabase drops the scenario's database if it outlives a round. It also drops one that a killed run has left.
func DropDatabase(ctx context.Context, env *environment.Environment, s scenario.Scenario) error {
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
