package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/internal/pgtest"
)

// TestAHeldKeyAndShortAttempts: however little time an attempt has, a key that another transaction holds is found out in
// it, and the events of others are stored meanwhile.
func TestAHeldKeyAndShortAttempts(t *testing.T) {
	t.Parallel()
	c, err := parse(t, "--attempt-timeout=16s", "--lock-timeout=1m", "--deadline=3m", "--outage-grace=3m")
	if err != nil {
		t.Fatal(err)
	}
	url := pgtest.New(t)
	c.Serve.Listen, c.Serve.DatabaseURL, c.Serve.AllowUnsafe = "127.0.0.1:0", url, true
	base := start(t, c.Serve.config)
	event := func(id string) string {
		return `{"topic":"t","event_id":"` + id + `","source":"s","timestamp":"2026-01-01T00:00:00Z","payload":1}`
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "BEGIN; INSERT INTO ingot.events VALUES ('held', 't', -1, 's', now(), now(), '1')"); err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	go func() { // ends with its answer, awaited below
		defer close(answered)
		if response, err := http.Post(base+"/publish", "application/json", strings.NewReader(event("held"))); err == nil {
			_ = response.Body.Close()
		}
	}()
	for waiting := false; !waiting; time.Sleep(time.Millisecond) {
		select {
		case <-answered:
			t.Fatal("it is answered though its key is held")
		default:
		}
		if err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"a", "b", "c"} { // the first may be on its way together with the one that waits
		send(t, base, event(id))
	}
	select {
	case <-answered:
		t.Error("stored only after the time of the one before was over")
	default:
	}
	if stats := read(t, base+"/stats"); !strings.Contains(stats, `"failed_attempts":0,`) {
		t.Errorf("an attempt had no time to find the key: %s", stats)
	}
	if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	<-answered
}
