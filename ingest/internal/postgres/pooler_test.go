package postgres_test

import (
	"errors"
	"testing"

	"ingot/ingest/internal/postgres"
	"ingot/internal/pgtest"
)

// TestAPoolerThatMovesSessionsIsRefused, whichever server process it has a session go on with, and one that keeps them is not.
func TestAPoolerThatMovesSessionsIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pooling pgtest.Pooling
		moves   bool
	}{
		"session":              {pgtest.PoolSession, false},
		"transaction, newest":  {pgtest.PoolNewest, true},
		"transaction, in turn": {pgtest.PoolOldest, true},
	} {
		through := pgtest.Pooler(t, pgtest.New(t), c.pooling)
		for range 2 { // without the schema, and with it
			_, err := postgres.Open(t.Context(), through)
			if moves := errors.Is(err, postgres.ErrMovesSessions); moves != c.moves || !moves && err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if postgres.NotUpYet(err) {
				t.Errorf("%s: passes by itself", name)
			}
		}
	}
}
