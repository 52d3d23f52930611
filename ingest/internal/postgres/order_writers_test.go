package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"

	"ingot/ingest/internal/postgres/writer"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

const (
	// orderEnv makes this binary one of the processes full of writers.
	orderEnv = "INGOT_ORDER_PLAN"

	orderContended = 2_000 // keys that all writers write
	orderPatience  = 100   // attempts at one batch: the server is gone, or the writer is wrong
)

type orderPlan struct {
	URL     string
	Process int
	Seed    uint64
	Report  string // file
}

// orderReport is what the writers of a process saw, and of all processes added up.
type orderReport struct {
	Batches   int
	Poisoned  int      // batches refused for their data, as they should be
	Refused   int      // attempts that the server failed in the log, as told to
	Lost      int      // attempts that lost their connection, certainly not stored
	Unknown   int      // attempts with an outcome that nobody knows
	Tried     []int    // contended keys sent
	Stored    []int    // contended keys answered stored
	Surprises []string // what should not happen
}

func (r *orderReport) add(o orderReport) {
	r.Batches += o.Batches
	r.Poisoned += o.Poisoned
	r.Refused += o.Refused
	r.Lost += o.Lost
	r.Unknown += o.Unknown
	r.Tried = append(r.Tried, o.Tried...)
	r.Stored = append(r.Stored, o.Stored...)
	r.Surprises = append(r.Surprises, o.Surprises...)
}

// runOrderWriters runs the processes to their end.
func runOrderWriters(t *testing.T, url string, seed uint64) (total orderReport) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	reports := make([]orderReport, orderProcesses)
	var processes sync.WaitGroup
	for i := range reports {
		processes.Go(func() { // ends with the process, awaited below
			file := filepath.Join(t.TempDir(), "report")
			plan, _ := json.Marshal(orderPlan{URL: url, Process: i, Seed: seed, Report: file})
			cmd := osexec.CommandContext(t.Context(), self, "-test.run=^TestOrderWriters$", "-test.v")
			cmd.Env = append(os.Environ(), orderEnv+"="+string(plan))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("process %d: %v\n%s", i, err, out)
				return
			}
			text, err := os.ReadFile(file)
			if err == nil {
				err = json.Unmarshal(text, &reports[i])
			}
			if err != nil {
				t.Errorf("report of process %d: %v", i, err)
			}
		})
	}
	processes.Wait()
	for _, r := range reports {
		total.add(r)
	}
	return total
}

// TestOrderWriters is not a test of its own: TestFeedOrderUnderStress runs it in
// other processes.
func TestOrderWriters(t *testing.T) {
	text := os.Getenv(orderEnv)
	if text == "" {
		t.Skip("run by TestFeedOrderUnderStress")
	}
	var plan orderPlan
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		t.Fatal(err)
	}
	writers := make([]*orderWriter, orderWriters)
	var group sync.WaitGroup
	for i := range writers {
		writers[i] = newOrderWriter(plan, plan.Process*orderWriters+i)
		group.Go(writers[i].run) // ends with its rows, awaited below
	}
	group.Wait()
	var total orderReport
	for _, w := range writers {
		total.add(w.report)
	}
	report, _ := json.Marshal(total)
	if err := os.WriteFile(plan.Report, report, 0o600); err != nil {
		t.Fatal(err)
	}
}

// orderWriter writes its rows in small batches, with delays, poison and deadlines
// that pass at the worst moment, and tries each batch until it is settled.
type orderWriter struct {
	writer *writer.Writer
	number int
	random *rand.Rand
	rows   int
	report orderReport
}

func newOrderWriter(plan orderPlan, number int) *orderWriter {
	paths := []writer.Path{writer.PathAuto, writer.PathStaged, writer.PathDirect}
	return &orderWriter{
		writer: writer.New(plan.URL, paths[number%len(paths)], testTimeouts, uuid.New(), zap.NewNop()),
		number: number,
		random: rand.New(rand.NewPCG(plan.Seed, uint64(1+number))),
	}
}

func (w *orderWriter) run() {
	defer w.writer.Close()
	for w.rows < orderRows && len(w.report.Surprises) == 0 {
		events := w.draw()
		if w.random.IntN(20) == 0 {
			w.poison(events)
		}
		w.settle(events)
		w.report.Batches++
	}
}

// draw makes 1 to 9 events of own keys and sometimes one that others write too.
func (w *orderWriter) draw() (events []event.Event) {
	for range min(1+w.random.IntN(9), orderRows-w.rows) {
		e := storetest.Event(fmt.Sprintf("%d-%d", w.number, w.rows))
		e.Topic = "own"
		events = append(events, e)
		w.rows++
	}
	if w.random.IntN(3) == 0 {
		key := w.random.IntN(orderContended)
		e := storetest.Event(fmt.Sprint(key))
		e.Topic = "contended"
		events = append(events, e)
		w.report.Tried = append(w.report.Tried, key)
	}
	return events
}

// poison sends the batch beside an event that Postgres refuses: a rollback.
func (w *orderWriter) poison(events []event.Event) {
	bad := storetest.Event("bad")
	bad.Source = "NUL \x00"
	_, err := w.writer.Merge(context.Background(), event.Batch{Groups: []event.Group{storetest.Group(events...), storetest.Group(bad)}}, func() {})
	var badData *event.BadDataError
	switch {
	case errors.As(err, &badData):
		w.report.Poisoned++
	case err == nil:
		w.report.Surprises = append(w.report.Surprises, "poison was stored")
	default:
		w.note(err)
	}
}

func (w *orderWriter) settle(events []event.Event) {
	inDoubt := false
	for range orderPatience {
		stored, err := w.attempt(events)
		if err == nil {
			w.judge(events, stored, inDoubt)
			return
		}
		var unknown *event.UnknownError
		inDoubt = inDoubt || errors.As(err, &unknown)
		w.note(err)
	}
	w.report.Surprises = append(w.report.Surprises, "a batch found no end")
}

// attempt dawdles right before COMMIT goes out, with the keys written, and now and
// then lets the deadline pass there.
func (w *orderWriter) attempt(events []event.Event) ([]bool, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	delay := time.Duration(w.random.Int64N(int64(20 * time.Millisecond)))
	late := w.random.IntN(50) == 0
	batch := event.Batch{Groups: []event.Group{storetest.Group(events...)}, Suspects: w.suspects(len(events))}
	return w.writer.Merge(ctx, batch, func() {
		time.Sleep(delay)
		if late {
			cancel()
		}
	})
}

// suspects picks events to be looked up first, by no rule: a filter may be wrong in
// any way.
func (w *orderWriter) suspects(n int) []bool {
	if w.random.IntN(2) == 0 {
		return nil
	}
	suspects := make([]bool, n)
	for i := range suspects {
		suspects[i] = w.random.IntN(2) == 0
	}
	return suspects
}

// judge holds an answer against what this writer knows of its keys.
func (w *orderWriter) judge(events []event.Event, stored []bool, inDoubt bool) {
	for i, e := range events {
		switch {
		case e.Topic == "contended" && stored[i]:
			var key int
			_, _ = fmt.Sscan(e.ID, &key)
			w.report.Stored = append(w.report.Stored, key)
		case e.Topic == "own" && !stored[i] && !inDoubt:
			w.report.Surprises = append(w.report.Surprises, "a key of one writer was a duplicate: "+e.ID)
		}
	}
}

// note counts a failure that was injected, and keeps any other: a unique violation
// or a deadlock would mean that the log's lock does not do its work.
func (w *orderWriter) note(err error) {
	var pgErr *pgconn.PgError
	var unknown *event.UnknownError
	switch isPg := errors.As(err, &pgErr); {
	case isPg && pgErr.Code == "P0001":
		w.report.Refused++
	case isPg && pgErr.Code != "57P01":
		w.report.Surprises = append(w.report.Surprises, err.Error())
	case errors.As(err, &unknown):
		w.report.Unknown++
	default:
		w.report.Lost++
	}
}
