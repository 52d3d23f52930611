package pgproxy

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"ingot/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// hang bounds what must not hang.
const hang = time.Minute

// schema is as much of the product's as its texts need.
const schema = `CREATE SCHEMA ingot;
CREATE SEQUENCE ingot.id_blocks;
CREATE TABLE ingot.events (event_id text PRIMARY KEY);
CREATE TABLE ingot.batches (first_id int);`

// house is a database with a proxy before it.
type house struct {
	*Proxy
	tidy *pgconn.PgConn // goes past the proxy
}

func newHouse(t *testing.T) house {
	t.Helper()
	url := pgtest.New(t)
	p, err := Open(url)
	if err != nil {
		t.Fatal(err)
	}
	h := house{Proxy: p, tidy: open(t, url)}
	t.Cleanup(p.Close)
	exec(t, h.tidy, schema)
	return h
}

func open(t *testing.T, url string) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(conn) })
	return conn
}

// end leaves no goroutine of pgx behind, which says goodbye to who does not listen.
func end(conn *pgconn.PgConn) {
	_ = conn.Conn().Close()
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	defer cancel()
	_ = conn.Close(ctx)
	<-conn.CleanupDone()
}

func exec(t *testing.T, conn *pgconn.PgConn, sql string) [][][]byte {
	t.Helper()
	results, err := conn.Exec(context.Background(), sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if len(results) == 0 {
		return nil
	}
	return results[len(results)-1].Rows
}

// batches is how many were committed.
func (h house) batches(t *testing.T) string {
	t.Helper()
	return string(exec(t, h.tidy, "SELECT count(*) FROM ingot.batches")[0][0])
}

// await polls until it is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for began := time.Now(); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Since(began) > hang {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
