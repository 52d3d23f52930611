package torture

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"ingot/internal/pgtest"
)

const (
	crashEvents = 60_000 // so that every kill meets a running load
	crashBatch  = 20
	crashFlags  = "--duplicates=0.3 --concurrency=16 --timeout=30s --give-up-after=5m --json"
)

// TestKillTheIngester: its private Postgres dies with it. Every other restart comes
// at once, and has to wait for the old one by itself.
func TestKillTheIngester(t *testing.T) {
	kills := 0
	r := survive(t, 10, func(i *ingester, data string) {
		i.kill()
		if kills++; kills%2 == 0 {
			await(t, "Postgres to die with its ingester", func() bool { return len(postgresOf(t, data)) == 0 })
		}
		i.start(t)
	})
	if r.Retries["cut"] == 0 {
		t.Error("no request was ever cut: the kills hit nothing")
	}
}

// TestKillPostgres: the ingester brings it back by itself and goes on. Every other
// kill is aimed at a batch whose COMMIT is sent and not done.
func TestKillPostgres(t *testing.T) {
	kills, last := 0, 0
	var running *ingester
	survive(t, 6, func(i *ingester, data string) {
		running = i
		pid := last // a backend may still answer after its postmaster is gone
		await(t, "a new postmaster", func() bool { pid = postmaster(data); return pid != 0 && pid != last })
		last = pid
		if kills++; kills%2 == 0 {
			awaitCommitting(t, i)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	})
	if !running.logged("batch not committed cleanly") {
		t.Error("no COMMIT was ever cut: the aim was bad")
	}
}

// awaitCommitting waits until a batch lingers before its COMMIT.
func awaitCommitting(t *testing.T, i *ingester) {
	t.Helper()
	conn := pgtest.Client(t, i.privateURL(t))
	await(t, "a batch that dawdles", func() bool {
		return pgtest.Number(t, conn, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") > 0
	})
}

// dawdle holds half of the batches between their log row and COMMIT, so that most
// kills meet a batch whose COMMIT is sent and not done.
const dawdle = `
CREATE FUNCTION public.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF random() < 0.5 THEN PERFORM pg_sleep(0.02); END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER dawdle AFTER INSERT ON ingot.batches FOR EACH ROW EXECUTE FUNCTION public.dawdle()`

// survive kills as often as it is told while the publisher simulates services, each
// time when a number of events drawn by chance is in the table. The publisher must
// end well, and the database must hold every event once and know how many.
func survive(t *testing.T, kills int, kill func(i *ingester, data string)) simulation {
	t.Helper()
	random := newSeed(t)
	data := dataFolder(t)
	i := startIngester(t, "--data-dir", data)
	pgtest.Exec(t, pgtest.Client(t, i.privateURL(t)), dawdle)
	p := simulate(t, i, crashEvents)
	var at []int64
	for k := range kills {
		moment := int64((float64(k) + random.Float64()) / float64(kills+1) * crashEvents)
		i.awaitStats(t, fmt.Sprintf("%d events", moment), func(s stats) bool {
			if p.Ended() {
				t.Fatalf("the publisher ended before kill %d: %s%s", k, p.said(p.stdout), p.said(p.stderr))
			}
			if s.Unique < moment {
				return false
			}
			at = append(at, s.Unique)
			return true
		})
		kill(i, data)
	}
	t.Logf("killed %d times, at %d of %d events", kills, at, crashEvents)
	report := checkSimulation(t, p)
	checkCrashed(t, i, data)
	return report
}

// simulation is the part of the publisher's report that tests look at.
type simulation struct {
	Stored     int
	Duplicates int
	Retries    map[string]int
	AfterOpen  int `json:"duplicates_after_open"`
	Audit      *struct{ Expected, Found, Missing, Repeated, Different int }
}

// simulate starts the publisher with so many events that nobody else has sent.
func simulate(t *testing.T, i *ingester, n int) *process {
	t.Helper()
	args := []string{"simulate", "--url", i.url(""), fmt.Sprintf("--events=%d", n), fmt.Sprintf("--batch=%d", crashBatch)}
	return launch(t, binary(t, "publisher"), append(args, strings.Fields(crashFlags)...)...)
}

// checkSimulation: the publisher ended well, and its audit held.
func checkSimulation(t *testing.T, p *process) (report simulation) {
	t.Helper()
	code := p.wait()
	if err := json.Unmarshal([]byte(p.said(p.stdout)), &report); err != nil || report.Audit == nil {
		t.Fatalf("exit code %d, report %v: %s%s", code, err, p.said(p.stdout), p.said(p.stderr))
	}
	t.Logf("publisher: exit code %d, stored %d, duplicates %d (%d after an open outcome), retries %v, audit %+v",
		code, report.Stored, report.Duplicates, report.AfterOpen, report.Retries, *report.Audit)
	if code != 0 || report.Audit.Found != crashEvents {
		t.Errorf("exit code %d, the audit found %d of %d events\n%s", code, report.Audit.Found, crashEvents, p.said(p.stdout))
	}
	return report
}

// checkCrashed: the table holds every event once, /stats says so, and after a clean
// stop no Postgres is left.
func checkCrashed(t *testing.T, i *ingester, data string) {
	t.Helper()
	told, err := i.stats()
	if err != nil {
		t.Fatal(err)
	}
	if len(postgresOf(t, data)) == 0 {
		t.Error("no Postgres seen while one runs: looking for what is left would find nothing")
	}
	i.stop(t)
	if left := postgresOf(t, data); len(left) > 0 {
		t.Errorf("Postgres processes left: %v", left)
	}
	verify(t, "--data-dir="+data)
	conn := openFolder(t, data)
	checkRows(t, conn, crashEvents)
	received := pgtest.Number(t, conn, "SELECT sum(received) FROM ingot.batches")
	if told.Unique != crashEvents || told.Received != received || told.Received != told.Unique+told.Duplicates {
		t.Errorf("/stats says %+v; the table holds %d rows, the log %d received", told, crashEvents, received)
	}
	topics := int64(0)
	for _, n := range told.Topics {
		topics += n
	}
	if topics != crashEvents {
		t.Errorf("the topics of /stats add up to %d, not to %d", topics, crashEvents)
	}
}
