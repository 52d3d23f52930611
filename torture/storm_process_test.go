package torture

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/torture/internal/pgproxy"
)

// dawdleFor is how long a COMMIT is held up so that something else meets it.
const dawdleFor = 120 * time.Millisecond

// processFaults are those of the ingesters' and Postgres' processes.
func (s *storm) processFaults() (faults []fault) {
	for n := range 6 {
		i, aimed := s.ingesters[n%len(s.ingesters)], n%3 != 0
		faults = append(faults, fault{kind: "ingester kill -9", detail: i.name, kills: true, strike: func() bool { return s.killIngester(i, aimed) }})
	}
	faults = append(faults, fault{kind: "postmaster kill -9", strike: func() bool { return s.killPostgres(true, s.database.Kill) }})
	for n := range 3 {
		faults = append(faults, fault{kind: "Postgres kill -9", strike: func() bool { return s.killPostgres(n > 0, func() { s.database.crash(s) }) }})
	}
	faults = append(faults, fault{kind: "Postgres kill -9 at rest", strike: s.killPostgresAtRest})
	for n := range 3 {
		faults = append(faults, fault{kind: "pg_terminate_backend", strike: func() bool { return s.terminate(n%2 == 0) }})
	}
	faults = append(faults, fault{kind: "rolling SIGTERM", kills: true, strike: s.roll})
	for _, i := range s.ingesters {
		faults = append(faults, fault{kind: "double SIGTERM", detail: i.name, kills: true, strike: func() bool { return s.signalTwice(i) }})
	}
	if s.database.disk == nil {
		s.report.cannot("disk full and freed", "no file system could be mounted")
		return faults
	}
	return append(faults, fault{kind: "disk full and freed", strike: s.fillDisk})
}

// aim holds up the next COMMIT of an ingester and returns when it is held.
func (s *storm) aim(i *stormIngester) bool {
	armed := i.back.Arm(pgproxy.Fault{At: pgproxy.Commit, Do: pgproxy.DelayBefore, Delay: dawdleFor})
	return s.until(armed.Fired)
}

// killIngester kills one and starts it again; others go on meanwhile.
func (s *storm) killIngester(i *stormIngester, aimed bool) bool {
	if aimed && !s.aim(i) {
		return false
	}
	s.readLogs()
	over := s.history.Excuse(i.name)
	s.down[i] = true
	i.kill()
	s.hold(30)
	i.back.Disarm()
	s.begin(i)
	s.down[i] = false
	over()
	return true
}

// killPostgres kills it and starts it again; what was acknowledged is there afterwards.
func (s *storm) killPostgres(aimed bool, kill func()) bool {
	if i := s.anyone(); aimed && !s.aim(i) {
		return false
	}
	kill()
	s.hold(5 + s.random.IntN(30))
	s.restartPostgres()
	return true
}

// killPostgresAtRest kills it when everything is told and nothing is under way. A
// commit that does not wait for its flush is certainly lost then: it lies in the last
// page of WAL. Each page that fills wakes the WAL writer, whatever its delay, and under
// load the next batch fills it soon.
func (s *storm) killPostgresAtRest() bool {
	if !s.until(func() bool { return s.gate.progress().stalled }) {
		return false
	}
	s.database.crash(s)
	s.restartPostgres()
	return true
}

func (s *storm) restartPostgres() {
	s.Helper()
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		err := s.database.Restart(context.Background())
		if err == nil {
			break
		}
		if time.Since(began) > recoverWithin {
			s.Fatalf("Postgres does not come back: %v", err)
		}
	}
	s.checkpoint()
}

// terminate ends all backends of the ingesters, or one that is in a transaction.
func (s *storm) terminate(aimed bool) bool {
	which := ""
	if aimed {
		if !s.aim(s.writerAt(pgproxy.Merge)) { // who has begun before he sends COMMIT
			return false
		}
		which = "AND state LIKE 'idle in transaction%'"
	}
	n := int64(0)
	s.until(func() bool {
		err := s.database.askOnce(func(ctx context.Context, conn *pgx.Conn) error {
			return conn.QueryRow(ctx, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'ingot%' "+which).Scan(&n)
		})
		return err == nil && (n > 0 || aimed)
	})
	s.hold(20)
	return n > 0
}

// roll stops and starts each ingester in turn, as a new version is rolled out: while
// a batch is on its way, so that there is something to wait for.
func (s *storm) roll() bool {
	for _, i := range s.ingesters {
		i.back.Delay(20 * time.Millisecond)
		s.hold(10)
		over := s.history.Excuse(i.name)
		s.down[i] = true
		i.Signal(syscall.SIGTERM)
		s.until(i.Ended)
		if code := i.wait(); code != 0 {
			s.history.Violate("a stop ends with exit code 0", fmt.Sprintf("%s: %d, %s", i.name, code, last(i.said(i.stderr), 2000)))
		}
		i.back.Pass()
		s.readLogs()
		s.begin(i)
		s.down[i] = false
		over()
		s.hold(10)
	}
	return true
}

// signalTwice stops an ingester that cannot come to an end, and then tells it not to
// wait.
func (s *storm) signalTwice(i *stormIngester) bool {
	armed := i.back.Arm(pgproxy.Fault{At: pgproxy.Commit, Do: pgproxy.DelayBefore, Delay: time.Second})
	if !s.until(armed.Fired) {
		return false
	}
	over := s.history.Excuse(i.name)
	s.down[i] = true
	i.Signal(syscall.SIGTERM)
	s.until(func() bool { return i.logged("stopping: no new events are accepted, waiting for the queue") })
	time.Sleep(100 * time.Millisecond) // one that comes at once is taken for the same
	i.Signal(syscall.SIGTERM)
	code := i.wait()
	if said := i.said(i.stderr); code != 1 || !strings.Contains(said, "second signal, stopping at once") {
		s.history.Violate("a second signal ends an ingester at once", fmt.Sprintf("%s: exit code %d, %s", i.name, code, last(said, 2000)))
	}
	s.hold(20)
	s.begin(i)
	s.down[i] = false
	over()
	return true
}

// fillDisk leaves Postgres no room, and gives it back once that was felt.
func (s *storm) fillDisk() bool {
	refused := s.gate.told("503 database-unavailable") + s.gate.told("503 expired")
	free, err := s.database.disk.fill()
	if err != nil {
		s.Fatalf("fill the disk: %v", err)
	}
	felt := s.until(func() bool { return s.gate.told("503 database-unavailable")+s.gate.told("503 expired") > refused })
	s.hold(30)
	if err := free(); err != nil {
		s.Fatal(err)
	}
	s.restartPostgres() // in case it could not go on at all
	return felt
}
