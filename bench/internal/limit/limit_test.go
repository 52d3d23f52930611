package limit

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ingot"
	"ingot/bench/internal/mix"
	"ingot/bench/internal/postgres"
	"ingot/internal/pgtest"
)

func database(t *testing.T) string {
	t.Helper()
	return pgtest.NewFrom(t, "bench", func(ctx context.Context, url string) error {
		return postgres.Exec(ctx, url, ingot.Schema)
	})
}

func encoder(t *testing.T) *mix.Encoder {
	t.Helper()
	e, err := mix.NewEncoder(mix.Mix{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestCopy: Measure itself fails unless Postgres took every row.
func TestCopy(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 100, 300, 5000} {
		c, err := OpenCopy(t.Context(), database(t), encoder(t), 1000, size)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background())
		for range 2 { // a fresh table each time
			begin := time.Now()
			rate, err := c.Measure(t.Context())
			if took := time.Since(begin); err != nil || rate <= 0 || rate < 1000/took.Seconds() {
				t.Errorf("chunks of %d: %v rows/s, %v, in %v altogether", size, rate, err, took)
			}
			if size == 1 { // as one COPY, and nothing else
				if took := time.Duration(1000 / rate * float64(time.Second)); took > time.Since(begin) || took < 100*time.Microsecond {
					t.Errorf("1000 rows took %v of %v", took, time.Since(begin))
				}
			}
		}
	}
}

// TestTheFasterCopyCounts: a limit that is set too low makes whatever is held against it look well.
func TestTheFasterCopyCounts(t *testing.T) {
	t.Parallel()
	c, err := OpenCopy(t.Context(), database(t), encoder(t), 300, 300)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	e := encoder(t)
	var rows [][]byte // a row a chunk, a commit each: slower by far
	for i := range c.rows {
		rows = append(rows, encode(e, i, 1))
	}
	c.chunks = rows
	many, best := 0.0, 0.0
	for try := 0; try < 3 || best < 5*many && try < 10; try++ { // the machine may stand still in one
		one, err := c.time(t.Context(), rows)
		if err != nil {
			t.Fatal(err)
		}
		many = max(many, one)
		if best, err = c.Measure(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if best < 5*many {
		t.Errorf("%v rows/s at best, %v one by one", best, many)
	}
	c.rows++
	if rate, err := c.Measure(t.Context()); err == nil || !strings.Contains(err.Error(), "300 of 301 rows") {
		t.Errorf("a row that did not come: %v rows/s, %v", rate, err)
	}
}

func TestCommit(t *testing.T) {
	t.Parallel()
	db := database(t)
	for _, during := range []time.Duration{time.Millisecond, 200 * time.Millisecond} {
		begin := time.Now()
		median, err := Commit(t.Context(), db, during)
		took := time.Since(begin)
		// At least ten, of which half took the median or more.
		if err != nil || median < 10*time.Microsecond || 5*median > took || took < during {
			t.Errorf("during %v: %v of %v, %v", during, median, took, err)
		}
	}
	var rows, first, last int
	if err := pgtest.Client(t, db).QueryRow(t.Context(), "SELECT count(*), min(n), max(n) FROM ingot.bench_commit").Scan(&rows, &first, &last); err != nil || rows < 10 || first != 0 || last != rows-1 {
		t.Errorf("%d rows, from %d to %d, %v", rows, first, last, err)
	}
	if median, err := Commit(t.Context(), db+"x", time.Millisecond); err == nil {
		t.Errorf("without a database a commit takes %v", median)
	}
}

// serving runs a server of a limit until the test ends.
func serving(t *testing.T, serve func(context.Context, net.Listener) error) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, l) }() // stopped and awaited in Cleanup
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String() + "/publish"
}

func publish(t *testing.T, url, body string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return string(b)
}

func TestNothingSaysStored(t *testing.T) {
	t.Parallel()
	url := serving(t, ServeNothing)
	for range 2 {
		if got := publish(t, url, "{}"); got != storedAnswer {
			t.Errorf("%s", got)
		}
	}
}

// TestBareStoresSevenOfTen, and says so only while it can.
func TestBareStoresSevenOfTen(t *testing.T) {
	t.Parallel()
	db := database(t)
	url := serving(t, func(ctx context.Context, l net.Listener) error { return ServeBare(ctx, l, db) })
	const requests = 40
	var clients sync.WaitGroup
	for range requests {
		clients.Go(func() {
			if got := publish(t, url, "{}"); got != storedAnswer {
				t.Errorf("%s", got)
			}
		})
	}
	clients.Wait()
	conn := pgtest.Client(t, db)
	const want = requests * 7 / 10
	for _, what := range []string{"*", "DISTINCT event_id"} {
		if n := pgtest.Number(t, conn, "SELECT count("+what+") FROM ingot.events"); n != want {
			t.Errorf("count(%s) is %d, want %d", what, n, want)
		}
	}

	if ended := pgtest.Number(t, conn, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`); ended != 1 {
		t.Fatalf("%d connections ended", ended)
	}
	for range 2 {
		if got := publish(t, url, "{}"); !strings.Contains(got, "wait for COMMIT") && !strings.Contains(got, "send a group") {
			t.Errorf("without a database: %s", got)
		}
	}
}

func TestNaiveStoresOnce(t *testing.T) {
	t.Parallel()
	db := database(t)
	url := serving(t, func(ctx context.Context, l net.Listener) error { return ServeNaive(ctx, l, db) })
	body := string(encoder(t).AppendEvent(nil, 1))
	for i, want := range []string{`{"status":"stored"`, `{"status":"duplicate"`} {
		if got := publish(t, url, body); !strings.HasPrefix(got, want) {
			t.Errorf("time %d: %s", i+1, got)
		}
	}
}
