package writer

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestTheBrakeOfADatabase is kept by sessions that begin while it is on, on either path; the next one after that writes again.
func TestTheBrakeOfADatabase(t *testing.T) {
	t.Parallel()
	for _, path := range []Path{PathAuto, PathStaged, PathDirect} {
		url := postgrestest.Database(t)
		conn := pgtest.Client(t, url)
		w := New(url, path, testTimeouts, uuid.New(), zap.NewNop())
		t.Cleanup(w.Close)
		brake := "ALTER DATABASE " + pgx.Identifier{conn.Config().Database}.Sanitize() + " SET default_transaction_read_only = "
		pgtest.Exec(t, conn, brake+"on")
		for range 2 {
			wantBrake(t, w, "a")
		}
		pgtest.Exec(t, conn, "SET default_transaction_read_only = off; "+brake+"off")
		if diff := cmp.Diff([]bool{true}, storetest.Merge(t, w, "a")); diff != "" {
			t.Errorf("%s, once it is off: %s", path, diff)
		}
	}
}

// TestTheBrakeOfAServer reaches sessions that are open, and leaves them again.
func TestTheBrakeOfAServer(t *testing.T) {
	t.Parallel()
	server := pgtest.DurableWith(t, nil)
	url := server.URL()
	if _, err := postgres.Open(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, "SET default_transaction_read_only = off")
	var writers []*Writer
	for _, path := range []Path{PathAuto, PathStaged, PathDirect} {
		w := New(url, path, testTimeouts, uuid.New(), zap.NewNop())
		t.Cleanup(w.Close)
		storetest.Merge(t, w, string(path))
		writers = append(writers, w)
	}
	brake := func(on string) {
		pgtest.Exec(t, conn, "ALTER SYSTEM SET default_transaction_read_only = "+on)
		pgtest.Exec(t, conn, "SELECT pg_reload_conf()")
		pgtest.WaitFor(t, pgtest.Client(t, url), "SELECT (current_setting('default_transaction_read_only') = '"+on+"')::int", 1)
	}
	for i, on := range []string{"on", "off", "on"} {
		brake(on)
		for _, w := range writers {
			name := fmt.Sprint(w.chooser.path, i)
			if on == "on" {
				wantBrake(t, w, name)
			} else if diff := cmp.Diff([]bool{true}, storetest.Merge(t, w, name)); diff != "" {
				t.Errorf("once it is off: %s", diff)
			}
		}
	}
}

// wantBrake sends an event, and wants to be told that it is not stored, and by which setting.
func wantBrake(t *testing.T, w *Writer, id string) {
	t.Helper()
	var notStored *event.NotStoredError
	stored, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups(id), Suspects: make([]bool, 1)}, func() {})
	if !errors.As(err, &notStored) || notStored.Reason != event.ReasonUnavailable || !errors.Is(err, postgres.ErrReadOnly) || !strings.Contains(err.Error(), "default_transaction_read_only is on") {
		t.Errorf("%s: got %v, %v; want not stored: %v", id, stored, err, postgres.ErrReadOnly)
	}
}
