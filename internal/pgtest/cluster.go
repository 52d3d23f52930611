package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"github.com/jackc/pgx/v5"

	"ingot/internal/localpg"
)

// shared is the one variable of this package that changes, guarded by its own mutex: the testing
// package hands nothing from TestMain to a test.
var shared cluster

// cluster is the throw-away server of this process.
type cluster struct {
	mu        sync.Mutex
	opened    bool // Main runs, so somebody will close
	tried     bool // to start
	startErr  error
	server    *localpg.Server
	databases int
	templates map[string]error // made, and how that went
}

func (c *cluster) open() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened = true
	c.templates = map[string]error{}
}

// startLocked starts the server for the first test that asks; all others get what came of it.
func (c *cluster) startLocked(ctx context.Context) error {
	if !c.opened {
		return errors.New("pgtest needs a TestMain that calls pgtest.Main")
	}
	if !c.tried {
		c.tried = true
		sweep(ctx)
		c.server, c.startErr = startThrowAway(ctx)
	}
	return c.startErr
}

func startThrowAway(ctx context.Context) (*localpg.Server, error) {
	dir, err := makeFolder()
	if err != nil {
		return nil, err
	}
	return start(ctx, localpg.Options{
		DataDir: dir,
		NoFsync: true,
		// Small: several test binaries run at the same time.
		Settings: map[string]string{"shared_buffers": "64MB", "max_wal_size": "256MB"},
	})
}

func (c *cluster) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened = false
	if c.server == nil {
		return nil
	}
	return stop(c.server)
}

// create makes a database, empty or a copy of a template, and returns its name and URL.
func (c *cluster) create(ctx context.Context, template string, migrate Migrate) (name, url string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.startLocked(ctx); err != nil {
		return "", "", err
	}
	source := "template1"
	if migrate != nil {
		source = "tpl_" + template
		if err := c.makeTemplateLocked(ctx, source, migrate); err != nil {
			return "", "", fmt.Errorf("make template %s: %w", template, err)
		}
	}
	c.databases++
	name = fmt.Sprintf("test_%d", c.databases)
	return name, c.url(name), c.exec(ctx, "CREATE DATABASE "+quote(name)+" TEMPLATE "+quote(source))
}

func (c *cluster) makeTemplateLocked(ctx context.Context, name string, migrate Migrate) error {
	err, made := c.templates[name]
	if !made {
		err = c.makeTemplate(ctx, name, migrate)
		c.templates[name] = err
	}
	return err
}

// makeTemplate closes the template to connections, since one that lingers fails every copy.
func (c *cluster) makeTemplate(ctx context.Context, name string, migrate Migrate) error {
	if err := c.exec(ctx, "CREATE DATABASE "+quote(name)); err != nil {
		return err
	}
	if err := migrate(ctx, c.url(name)); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return c.exec(ctx, "ALTER DATABASE "+quote(name)+" ALLOW_CONNECTIONS false")
}

func (c *cluster) drop(ctx context.Context, name string) error {
	return c.exec(ctx, "DROP DATABASE "+quote(name)+" WITH (FORCE)")
}

func (c *cluster) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, c.server.URL())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}

func (c *cluster) url(database string) string {
	u, err := url.Parse(c.server.URL())
	if err != nil {
		panic(err) // localpg wrote it
	}
	u.Path = "/" + database
	return u.String()
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
