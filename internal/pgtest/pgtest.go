package pgtest

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"ingot/internal/localpg"
)

// stepTimeout is a hang detector: starts take a second, databases milliseconds.
const stepTimeout = 2 * time.Minute

// Migrate fills the empty database behind url. It must close its connections.
type Migrate func(ctx context.Context, url string) error

// New makes an empty database, dropped when the test ends, and returns its URL.
func New(t testing.TB) string {
	t.Helper()
	return NewFrom(t, "", nil)
}

// NewFrom makes a copy of a database that migrate filled, which happens once per test binary and
// template name.
func NewFrom(t testing.TB, template string, migrate Migrate) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	name, url, err := shared.create(ctx, template, migrate)
	need(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
		defer cancel()
		if err := shared.drop(ctx, name); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return url
}

// Durable starts a cluster with fsync on, as the ingester runs it, for a test that kills it. It takes
// a second or two, and is removed when the test ends.
func Durable(t testing.TB) *localpg.Server {
	t.Helper()
	return DurableWith(t, nil)
}

// DurableWith does so with settings of the test's own.
func DurableWith(t testing.TB, settings map[string]string) *localpg.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	dir, err := makeFolder()
	need(t, err)
	srv, err := start(ctx, localpg.Options{DataDir: dir, Settings: settings})
	need(t, err)
	t.Cleanup(func() {
		if err := stop(srv); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return srv
}

// need skips the test if all that is missing is Postgres on this machine, and nobody insists on it.
func need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, localpg.ErrNoBinaries) && os.Getenv("INGOT_REQUIRE_POSTGRES") != "1":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}
