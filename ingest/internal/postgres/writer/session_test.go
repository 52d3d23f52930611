package writer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestOldConnectionsAreReplaced on either path, and when what is on its way over them is answered.
// A new one finds a moved server, and readers rely on how late ids of a block may come.
func TestOldConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	grownOld := func() *session {
		w.session.opened = w.session.opened.Add(-postgres.SessionLifetime)
		return w.session
	}
	for _, path := range []Path{PathStaged, PathDirect} {
		old := grownOld()
		w.choose(func(c *pathChooser) { c.path = path })
		send(t.Context(), w, []bool{false}, string(path)).want(t, true)
		if w.session == old {
			t.Errorf("%s: the old connection is used", path)
		}
		if !w.lookers.stale.Load() {
			t.Errorf("%s: keys are looked up where they were before", path)
		}
	}
	slept := w.session
	if slept.clock != slept.clock.Round(0) {
		t.Error("the clock of a session is that of the process, which stands still while the machine sleeps")
	}
	slept.clock = slept.clock.Add(-postgres.SessionLifetime)
	send(t.Context(), w, []bool{false}, "slept").want(t, true)
	if w.session == slept {
		t.Error("after the machine has slept: the old connection is used")
	}
	release := holdLog(t, conn)
	first := send(t.Context(), w, []bool{false}, "a")
	old := grownOld()
	second := waitsAlone(t, w, event.Batch{Groups: storetest.Groups("b"), Suspects: []bool{false}})
	first.underWay(t)
	release()
	first.want(t, true)
	second.want(t, true)
	if w.session == old {
		t.Error("behind another batch: the old connection is used")
	}
}

// TestContextsThatEndLater do nothing to the connection of a batch that was answered, on either path.
func TestContextsThatEndLater(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	for _, path := range []Path{PathStaged, PathDirect} {
		w := New(url, path, testTimeouts, uuid.New(), zap.NewNop())
		t.Cleanup(w.Close)
		storetest.Merge(t, w, fmt.Sprint(path, " is new"))
		first := w.session
		for i := range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			send(ctx, w, []bool{false}, fmt.Sprint(path, i)).want(t, true)
			cancel()
		}
		other := map[Path]Path{PathStaged: PathDirect, PathDirect: PathStaged}[path]
		w.choose(func(c *pathChooser) { c.path = other })
		send(t.Context(), w, []bool{false}, fmt.Sprint(path, " and the other way")).want(t, true)
		if w.session != first || first.broken.Load() {
			t.Errorf("%s: the connection was given up", path)
		}
	}
}

// TestABatchLeavesTheSettingsOfItsConnection, and so does a fence: the next batch would wait for a key as long as this one
// did, and the drawing of ids for a standby.
func TestABatchLeavesTheSettingsOfItsConnection(t *testing.T) {
	t.Parallel()
	w, _, _ := trusting(t)
	settings := func() string {
		results, err := w.session.conn.Exec(t.Context(), "SELECT concat_ws(', ', current_setting('lock_timeout'), current_setting('synchronous_commit'), current_setting('statement_timeout'), current_user)").ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return string(results[0].Rows[0][0])
	}
	was, session := settings(), w.session
	for name, commit := range map[string]func() error{
		"staged": func() error {
			w.choose(func(c *pathChooser) { c.path = PathStaged })
			_, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("a")}, func() {})
			return err
		},
		"brief": func() error {
			_, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("b"), Brief: true}, func() {})
			return err
		},
		"direct": func() error {
			w.choose(func(c *pathChooser) { c.path = PathDirect })
			_, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("c"), Suspects: []bool{false}}, func() {})
			return err
		},
		"a fence": func() error {
			_, err := w.fence(t.Context(), &batch{first: 5 * postgres.BlockSize})
			return err
		},
	} {
		if err := commit(); err != nil || w.session != session {
			t.Fatalf("%s: %v", name, err)
		}
		if now := settings(); now != was || !strings.HasPrefix(now, "1min, local, 1min, ") {
			t.Errorf("%s leaves %s, before it was %s", name, now, was)
		}
	}
}

// TestABatchThatCannotBeSent is certainly not stored, on either path, and is when it comes again.
func TestABatchThatCannotBeSent(t *testing.T) {
	t.Parallel()
	w, _, _ := trusting(t)
	for _, path := range []Path{PathStaged, PathDirect} {
		w.choose(func(c *pathChooser) { c.path = path })
		for i := range 4 { // until nothing has to be asked first
			send(t.Context(), w, []bool{false}, fmt.Sprint(path, i)).want(t, true)
		}
		if path == PathDirect && !w.goesAhead(&batch{received: 1}) {
			t.Error("it is not sent at once")
		}
		_ = w.session.conn.Conn().Close() // nobody is told
		ahead := func() {
			if path == PathDirect && w.goesAhead(&batch{received: 1}) {
				t.Error("another batch may be sent behind what was sent of this one")
			}
		}
		stored, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups(string(path)), Suspects: []bool{false}, Ahead: ahead}, func() {})
		var notStored *event.NotStoredError
		if !errors.As(err, &notStored) || !strings.Contains(err.Error(), "send the ") {
			t.Errorf("%s: got %v %v, want not stored, and what failed", path, stored, err)
		}
		send(t.Context(), w, []bool{false}, string(path)).want(t, true)
	}
}

// deadlines is a connection that notes when what is sent has to be, and when it has to be answered.
type deadlines struct {
	net.Conn
	write, read []time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.write = append(d.write, at)
	return d.Conn.SetWriteDeadline(at)
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.read = append(d.read, at)
	return d.Conn.SetReadDeadline(at)
}

// TestHalfOfTheTimeIsForSending, and for the answer: the other half is kept for finding out what became of a batch that could not
// be sent whole, or was not answered. The next batch has nothing of either, on whichever path.
func TestHalfOfTheTimeIsForSending(t *testing.T) {
	t.Parallel()
	for _, path := range []Path{PathStaged, PathDirect} {
		w, _, _ := trusting(t)
		w.choose(func(c *pathChooser) { c.path = path })
		inner, err := w.session.conn.Hijack()
		if err != nil {
			t.Fatal(err)
		}
		noted := &deadlines{Conn: inner.Conn}
		inner.Conn = noted
		if w.session.conn, err = pgconn.Construct(inner); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		send(ctx, w, []bool{false}, "a").want(t, true)
		for what, at := range map[string][]time.Time{"sent": noted.write, "answered": noted.read} {
			if len(at) != 2 || !at[1].IsZero() {
				t.Fatalf("%s: it is to be %s until %v", path, what, at)
			}
			if left := time.Until(at[0]); left > 30*time.Minute || left < 20*time.Minute {
				t.Errorf("%s: of an hour it has %v to be %s", path, left, what)
			}
		}
	}
}

// TestAConnectionThatIsNotGoodIsClosed: whoever tries again and again leaves none behind.
func TestAConnectionThatIsNotGoodIsClosed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"it cannot be set up":  "ALTER TABLE ingot.batches RENAME TO others",
		"it is not to be used": "ALTER TABLE ingot.events DROP CONSTRAINT events_pkey",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			conn := pgtest.Client(t, url)
			pgtest.Exec(t, conn, change)
			w := newWriter(t, url)
			for range 3 {
				var notStored *event.NotStoredError
				if err := w.Ready(t.Context(), time.Minute); !errors.As(err, &notStored) {
					t.Errorf("got %v, want not stored", err)
				}
			}
			pgtest.WaitFor(t, conn, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ingot'", 0)
		})
	}
}

// TestPlansOfABatch are what they are, whatever kind of plan somebody has switched off for the database. Without index
// scans none would be left, beside those of scansOnly, but to go through the whole table.
func TestPlansOfABatch(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, "ALTER DATABASE "+pgx.Identifier{conn.Config().Database}.Sanitize()+" SET enable_indexscan = off")
	pgtest.Exec(t, conn, "INSERT INTO ingot.events SELECT n::text, 't', n + 1e6, 's', now(), now(), '1' FROM generate_series(1, 20000) AS n; ANALYZE ingot.events")
	w := newWriter(t, url)
	storetest.Merge(t, w, "a")
	results, err := w.session.conn.Exec(t.Context(), "EXPLAIN "+strings.NewReplacer("$1", "'{1,7,12000}'", "$2", "'{t,t,t}'").Replace(lookUpQuery)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var plan []string
	for _, line := range results[0].Rows {
		plan = append(plan, string(line[0]))
	}
	if text := strings.Join(plan, "\n"); !strings.Contains(text, "using events_pkey") || !strings.Contains(text, "Index Cond") {
		t.Errorf("keys are not looked up by the index:\n%s", text)
	}
}
