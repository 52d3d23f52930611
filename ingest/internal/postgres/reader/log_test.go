package reader

import (
	"testing"

	"ingot/ingest/internal/postgres/postgrestest"
)

// TestTotalsOfNothing: an empty database has totals too.
func TestTotalsOfNothing(t *testing.T) {
	t.Parallel()
	totals, err := newReader(t, postgrestest.Database(t)).Totals(t.Context(), -1, 1<<20)
	if err != nil || totals.Received != 0 || len(totals.Topics) != 0 {
		t.Errorf("%+v %v", totals, err)
	}
}
