package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/writer"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/localpg"
	"ingot/internal/pgtest"
)

// TestAStandbyIsNotRead, though a URL with several hosts may lead there, as while the primary takes no more connections. One
// that has replayed less would tell a good cursor gone; and pages that found the log here and the rows there were seen to
// leave events out. Once promoted it is read.
func TestAStandbyIsNotRead(t *testing.T) {
	t.Parallel()
	standby := startStandby(t)
	r := newReader(t, standby.URL())
	feed := event.Query{Feed: true, Limit: 10, MaxBytes: 1 << 20}
	if page, err := r.Events(t.Context(), feed); err == nil {
		t.Errorf("read %d events", len(page.Events))
	}
	pgtest.Exec(t, pgtest.Client(t, standby.URL()), "SELECT pg_promote()")
	if page, err := r.Events(t.Context(), feed); err != nil || len(page.Events) != 1 {
		t.Errorf("once promoted: %d events, %v", len(page.Events), err)
	}
}

// TestAStandbyIsNamed to whoever writes there or reads, by Ready and Merge alike: Postgres itself says that it cannot set
// something.
func TestAStandbyIsNamed(t *testing.T) {
	t.Parallel()
	url := startStandby(t).URL()
	w := newWriter(t, url, writer.PathAuto)
	_, merged := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("b")}, func() {})
	_, read := newReader(t, url).Events(t.Context(), event.Query{Feed: true, Limit: 10, MaxBytes: 1 << 20})
	for step, err := range map[string]error{"ready": w.Ready(t.Context(), time.Minute), "merge": merged, "read": read} {
		if !errors.Is(err, postgres.ErrStandby) {
			t.Errorf("%s: %v", step, err)
		}
		if step == "read" {
			continue
		}
		if notStored, certain := errors.AsType[*event.NotStoredError](err); !certain || notStored.Reason != event.ReasonUnavailable {
			t.Errorf("%s: %v is an outage", step, err)
		}
	}
}

// TestThePrimaryOfTwoHosts is found behind a standby, which stands first once an old primary has come back as one: by
// whoever writes, reads, and brings the schema up to date.
func TestThePrimaryOfTwoHosts(t *testing.T) {
	t.Parallel()
	standby, primary := startStandby(t), pgtest.Durable(t)
	hosts := []string{}
	for _, server := range []*localpg.Server{standby, primary} {
		u, err := url.Parse(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, u.Query().Get("host"))
	}
	both := "host=" + strings.Join(hosts, ",") + " port=5432,5432 user=ingot dbname=ingot"
	if _, err := postgres.Open(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]bool{true, true}, storetest.Merge(t, newWriter(t, both, writer.PathAuto), "a", "b")); diff != "" {
		t.Error(diff)
	}
	if page, err := newReader(t, both).Events(t.Context(), event.Query{Feed: true, Limit: 10, MaxBytes: 1 << 20}); err != nil || len(page.Events) != 2 {
		t.Errorf("%d events, %v", len(page.Events), err)
	}
}

// startStandby starts a standby that has one event and replays nothing: a cold copy.
func startStandby(t *testing.T) *localpg.Server {
	t.Helper()
	primary := pgtest.Durable(t)
	if _, err := postgres.Open(t.Context(), primary.URL()); err != nil {
		t.Fatal(err)
	}
	w := newWriter(t, primary.URL(), writer.PathAuto)
	storetest.Merge(t, w, "a")
	w.Close()
	if err := primary.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	data := copyAsStandby(t, primary.DataDir())
	standby, err := localpg.Start(t.Context(), localpg.Options{DataDir: data})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standby.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return standby
}

// copyAsStandby copies the one cluster of a data folder.
func copyAsStandby(t *testing.T, from string) (data string) {
	t.Helper()
	clusters, _ := filepath.Glob(filepath.Join(from, "[0-9]*"))
	if len(clusters) != 1 {
		t.Fatalf("clusters: %v", clusters)
	}
	data, err := os.MkdirTemp("", "ingot-standby-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(data) })
	cluster := filepath.Join(data, filepath.Base(clusters[0]))
	if err := os.CopyFS(cluster, os.DirFS(clusters[0])); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{data: 0o755, cluster: 0o700} { // for the server's user; Postgres insists
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(cluster, "standby.signal"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return data
}
