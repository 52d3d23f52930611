package postgres_test

import (
	"fmt"
	neturl "net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/postgres/writer"
	"ingot/ingest/internal/storetest"
)

// TestFilesOfTheURLAreReadAgain: what the URL takes from a file, a password or a certificate, is renewed there, and each
// connection after that has the new one. Of what may stand in such a file the database's name is what a test can tell.
func TestFilesOfTheURLAreReadAgain(t *testing.T) {
	t.Parallel()
	server, err := neturl.Parse(postgrestest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "services")
	write := func(name string) {
		service := fmt.Sprintf("[ingot]\nhost=%s\nport=%s\nuser=%s\ndbname=%s\n", server.Query().Get("host"), server.Query().Get("port"), server.User.Username(), name)
		if err := os.WriteFile(file, []byte(service), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("of_yesterday")
	url := "postgres://?service=ingot&servicefile=" + neturl.QueryEscape(file)
	w, r, s := newWriter(t, url, writer.PathAuto), newReader(t, url), newSubscriptions(t, url)
	if err := w.Ready(t.Context(), 5*time.Second); err == nil {
		t.Error("the writer is connected to a database that is not there")
	}
	if err := r.Ping(t.Context()); err == nil {
		t.Error("the reader is connected to a database that is not there")
	}
	write(server.Path[1:])
	storetest.Merge(t, w, "a")
	if err := r.Ping(t.Context()); err != nil {
		t.Errorf("reader: %v", err)
	}
	if err := list(t.Context(), s); err != nil {
		t.Errorf("subscriptions: %v", err)
	}
}
