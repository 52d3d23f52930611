package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ingot/internal/event"
)

// Poison in a source makes the fake refuse the batch, as Postgres refuses data
// that the decoder should not have let through.
const Poison = "\x00"

// Key identifies an event.
type Key struct{ ID, Topic string }

// Fake is a store in memory. Script it with Next before the batch comes.
type Fake struct {
	mu      sync.Mutex
	rows    map[Key]event.Event
	batches [][]event.Group // every batch that was committed
	guesses [][]bool        // of every batch that was tried
	calls   int
	script  []Step
	held    string   // id that another transaction holds
	cursed  []string // ids with which a batch fails
	curse   time.Duration
	silent  bool // nobody answers who connects
	crowded bool // others write most batches
}

// Step changes what the next Merge does. The zero Step changes nothing.
type Step struct {
	Before time.Duration // passes before the rows are written
	After  time.Duration // passes after COMMIT is sent
	Fail   error         // returned without writing anything
	Lose   bool          // written, but the answer is *event.UnknownError
	Ahead  bool          // takes the next batch once COMMIT is sent
	Refuse error         // returned in place of the answer, with nothing written
}

// NewFake returns an empty store.
func NewFake() *Fake { return &Fake{rows: map[Key]event.Event{}} }

// Hold makes every batch with that id fail as if another transaction held its key,
// until it is called again.
func (f *Fake) Hold(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = id
}

// Curse makes every batch with one of these ids fail after that time, for no known reason, until it is called again. All
// makes every batch fail.
func (f *Fake) Curse(after time.Duration, ids ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cursed, f.curse = ids, after
}

// All, in place of an id, curses every batch.
const All = "*"

// Crowd makes the store say whether others write most batches, until it is called again.
func (f *Fake) Crowd(crowded bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crowded = crowded
}

// Crowded tells what Crowd was told.
func (f *Fake) Crowded() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.crowded
}

// Silence makes every attempt to connect hang until it is given up, until Silence is called again.
func (f *Fake) Silence(silent bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.silent = silent
}

// Ready implements the store.
func (f *Fake) Ready(ctx context.Context, within time.Duration) error {
	f.mu.Lock()
	silent := f.silent
	f.mu.Unlock()
	if !silent {
		return nil
	}
	return &event.NotStoredError{Reason: event.ReasonUnavailable, Err: errors.Join(errors.New("nobody answers"), sleep(ctx, within))}
}

// Next adds steps for the next calls of Merge.
func (f *Fake) Next(steps ...Step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = append(f.script, steps...)
}

// Rows returns a copy of what is stored.
func (f *Fake) Rows() map[Key]event.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.rows)
}

// Batches returns the number of groups of each committed batch.
func (f *Fake) Batches() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	var sizes []int
	for _, b := range f.batches {
		sizes = append(sizes, len(b))
	}
	return sizes
}

// Guesses returns the suspects of each batch that was tried.
func (f *Fake) Guesses() [][]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.guesses)
}

// Calls tells how often Merge was called.
func (f *Fake) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// Merge implements the store.
func (f *Fake) Merge(ctx context.Context, b event.Batch, sent func()) ([]bool, error) {
	step, held := f.begin(b)
	if err := sleep(ctx, step.Before); err != nil {
		return nil, &event.NotStoredError{Reason: event.ReasonUnavailable, Err: err}
	}
	if step.Fail != nil {
		return nil, step.Fail
	}
	for _, e := range event.Each(b.Groups) {
		if strings.Contains(e.Source, Poison) {
			return nil, &event.BadDataError{Err: errors.New("poison")}
		}
		if e.ID == held {
			return nil, errors.Join(&event.NotStoredError{Reason: event.ReasonKeyHeld}, sleep(ctx, keyWait(b.Brief)))
		}
	}
	if after, cursed := f.isCursed(b.Groups); cursed {
		return nil, errors.Join(&event.NotStoredError{Reason: event.ReasonUnexplained, Err: errors.New("cursed")}, sleep(ctx, after))
	}
	if ctx.Err() != nil {
		return nil, &event.NotStoredError{Reason: event.ReasonUnavailable, Err: ctx.Err()}
	}
	sent()
	if step.Ahead && b.Ahead != nil {
		b.Ahead()
	}
	if step.Refuse != nil {
		return nil, errors.Join(step.Refuse, sleep(ctx, step.After))
	}
	stored := f.write(b.Groups)
	if err := sleep(ctx, step.After); err != nil {
		return nil, &event.UnknownError{Err: err}
	}
	if step.Lose {
		return nil, &event.UnknownError{Err: errors.New("the answer was lost")}
	}
	return stored, nil
}

// keyWait is how long a batch waits for a held key: as long as with the defaults in Postgres.
func keyWait(brief bool) time.Duration {
	if brief {
		return 10 * time.Millisecond
	}
	return 500 * time.Millisecond
}

func (f *Fake) isCursed(groups []event.Group) (after time.Duration, cursed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range event.Each(groups) {
		cursed = cursed || slices.Contains(f.cursed, e.ID)
	}
	return f.curse, cursed || slices.Contains(f.cursed, All)
}

func (f *Fake) begin(b event.Batch) (step Step, held string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	f.guesses = append(f.guesses, slices.Clone(b.Suspects))
	if len(f.script) > 0 {
		step, f.script = f.script[0], f.script[1:]
	}
	return step, f.held
}

func (f *Fake) write(groups []event.Group) (stored []bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range event.Each(groups) {
		k := Key{e.ID, e.Topic}
		_, there := f.rows[k]
		if !there {
			f.rows[k] = *e
		}
		stored = append(stored, !there)
	}
	f.batches = append(f.batches, groups)
	return stored
}

func sleep(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
