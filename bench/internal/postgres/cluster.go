package postgres

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/internal/localpg"
)

// settings are what the bench itself needs, and what would otherwise hang on how full the disk is. Whatever else counts is
// chosen by localpg, as for `make run`.
var settings = map[string]string{"max_wal_size": "8GB", "max_connections": "200"}

// stopTimeout bounds a clean stop of the server, which writes what its buffers
// hold.
const stopTimeout = 2 * time.Minute

// answerTimeout bounds the first answer of a Postgres that was given. A guess.
const answerTimeout = 10 * time.Second

// Cluster is a Postgres that databases can be created on. It belongs to one goroutine.
type Cluster struct {
	server *localpg.Server // nil: the Postgres was given
	admin  string
	lock   *pgx.Conn // keeps other benches off one that was given
}

// OpenCluster starts a private Postgres with its data below dir, or takes the one
// behind admin if that is not empty and no other bench is using it.
func OpenCluster(ctx context.Context, dir, admin string) (*Cluster, error) {
	if admin != "" {
		c := &Cluster{admin: admin}
		if err := c.answers(ctx); err != nil {
			return nil, err
		}
		return c, c.acquireLock(ctx)
	}
	server, err := localpg.Start(ctx, localpg.Options{DataDir: dir, Settings: settings, StopTimeout: stopTimeout})
	if err != nil {
		return nil, fmt.Errorf("start a private Postgres: %w", err)
	}
	return &Cluster{server: server, admin: server.URL()}, nil
}

// answers tells whether a Postgres that was given answers at all. Without a bound one that is stuck would be waited for
// without a word, later on.
func (c *Cluster) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if err := Exec(ctx, c.admin, "SELECT 1"); err != nil {
		return fmt.Errorf("the Postgres of --database-url does not answer: %w", err)
	}
	return nil
}

// Close stops a private server, or leaves one that was given to the next bench.
func (c *Cluster) Close(ctx context.Context) error {
	c.releaseLock(ctx)
	if c.server == nil {
		return nil
	}
	return c.server.Stop(ctx)
}

// PID is the postmaster's, 0 if the server was given.
func (c *Cluster) PID() int {
	if c.server == nil {
		return 0
	}
	return c.server.PID()
}

// DataDir is the folder of a private server's data, "" if the server was given.
func (c *Cluster) DataDir() string {
	if c.server == nil {
		return ""
	}
	return c.server.DataDir()
}

// URL is that of a database of this cluster.
func (c *Cluster) URL(database string) string {
	u, _ := url.Parse(c.admin) // OpenCluster has connected by it
	u.Path = "/" + database
	return u.String()
}

// Create makes an empty database, in place of an older one of the name.
func (c *Cluster) Create(ctx context.Context, name string) error { return c.create(ctx, name, "") }

// CreateMissing makes an empty database, unless there is one of the name.
func (c *Cluster) CreateMissing(ctx context.Context, name string) error {
	if there, err := c.Exists(ctx, name); err != nil || there {
		return err
	}
	return c.Create(ctx, name)
}

// Copy makes a database as a copy of another one (of), file by file, in place of an older one of the name. Nobody may be
// connected to the database that is copied.
func (c *Cluster) Copy(ctx context.Context, name, of string) error {
	return c.create(ctx, name, " TEMPLATE "+pgx.Identifier{of}.Sanitize()+" STRATEGY file_copy")
}

func (c *Cluster) create(ctx context.Context, name, options string) error {
	if err := c.Drop(ctx, name); err != nil {
		return err
	}
	if err := Exec(ctx, c.admin, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+options); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return nil
}

// Drop removes a database, whoever is connected to it, unless another bench has come to use this Postgres.
func (c *Cluster) Drop(ctx context.Context, name string) error {
	if err := c.keepLock(ctx); err != nil {
		return err
	}
	if err := Exec(ctx, c.admin, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database: %w", err)
	}
	return nil
}

// Exists tells whether there is a database of the name.
func (c *Cluster) Exists(ctx context.Context, name string) (bool, error) {
	return query[bool](ctx, c.admin, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = '"+name+"')")
}

// PageImages is how many pages have gone into the WAL whole, by the server's count. A page does when it is first touched
// after a checkpoint.
func (c *Cluster) PageImages(ctx context.Context) (int64, error) {
	return query[int64](ctx, c.admin, "SELECT wal_fpi FROM pg_stat_wal")
}

// Settings are the settings that figures depend on, as the server has them.
func (c *Cluster) Settings(ctx context.Context) (string, error) {
	return query[string](ctx, c.admin, `SELECT 'Postgres ' || current_setting('server_version') || ', ' || string_agg(name || ' ' || current_setting(name), ', ' ORDER BY name)
		FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size', 'wal_compression', 'checkpoint_timeout')`)
}
