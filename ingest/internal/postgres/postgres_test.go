package postgres

import (
	"context"
	"testing"

	"ingot/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// database returns the URL of a fresh database with the newest schema.
func database(t testing.TB) string {
	return pgtest.NewFrom(t, "schema", func(ctx context.Context, url string) error {
		_, err := Open(ctx, url)
		return err
	})
}

// Invariants returns what Verify looks at.
func Invariants() (all []string) {
	for _, i := range invariants {
		all = append(all, i.what)
	}
	return all
}
