// Package postgrestest is what the tests of postgres and of the packages below it begin and end with: a database with the
// schema, and a check that its tables agree. Only tests import it.
package postgrestest

import (
	"context"
	"testing"

	"ingot/ingest/internal/postgres"
	"ingot/internal/pgtest"
)

// Database returns the URL of a fresh database with the newest schema.
func Database(t testing.TB) string {
	t.Helper()
	return pgtest.NewFrom(t, "schema", func(ctx context.Context, url string) error {
		_, err := postgres.Open(ctx, url)
		return err
	})
}

// CheckLog checks the invariants of the tables. It does not use the test's context, which may have ended.
func CheckLog(t testing.TB, url string) postgres.Verification {
	t.Helper()
	v, err := postgres.Verify(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range v.Broken {
		t.Error(broken)
	}
	return v
}
