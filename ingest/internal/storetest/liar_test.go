package storetest

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"ingot/internal/event"
)

// liarEnv names the lie of the store that TestALiar holds to the contract.
const liarEnv = "INGOT_STORETEST_LIE"

// liar is a store that breaks one promise.
type liar struct {
	*Fake
	lie     string
	batches int
}

// lies name what a liar does, and which part of the contract has to fail.
var lies = map[string]string{
	"the last event of a batch is lost": "new keys are stored, known ones are not",
	"every event is told stored":        "new keys are stored, known ones are not",
	"every event is told duplicate":     "new keys are stored, known ones are not",
	"the last copy is kept":             "the first copy of a key in a batch is the one stored",
	"a topic makes no difference":       "the same id under another topic is another event",
	"blanks are taken out":              "what is stored is what was sent",
	"milliseconds are kept":             "what is stored is what was sent",
	"bad data is left out":              "bad data stores nothing of the batch",
	"what is not bad is stored":         "bad data stores nothing of the batch",
	"an ended context makes no end":     "a context that has ended stores nothing",
	"it is stored all the same":         "a context that has ended stores nothing",
	"nothing is one event":              "no events, no batch",
	"sent is never called":              "no batch commits without sent",
	"sent is called behind COMMIT":      "no batch commits without sent",
	"a suspect is a duplicate":          "what is suspected changes nothing",
	"old events are forgotten":          "many batches",
}

func (l *liar) Merge(ctx context.Context, b event.Batch, sent func()) ([]bool, error) {
	l.batches++
	var good event.Batch
	for _, g := range b.Groups {
		g.Events = slices.Clone(g.Events)
		for i := range g.Events {
			switch e := &g.Events[i]; l.lie {
			case "a topic makes no difference":
				e.Topic = "t"
			case "blanks are taken out":
				e.Payload = strings.ReplaceAll(e.Payload, " ", "")
			case "milliseconds are kept":
				e.Timestamp = e.Timestamp.Truncate(time.Millisecond)
			}
		}
		good.Groups = append(good.Groups, g)
	}
	poison := func(e event.Event) bool { return strings.Contains(e.Source, Poison) }
	honest := func() ([]bool, error) { return l.Fake.Merge(ctx, good, sent) }
	switch l.lie {
	case "the last event of a batch is lost":
		last := len(good.Groups) - 1
		if n := len(good.Groups[last].Events); n > 0 {
			good.Groups[last].Events = good.Groups[last].Events[:n-1]
			stored, err := honest()
			return append(stored, true), err
		}
	case "every event is told stored", "every event is told duplicate":
		stored, err := honest()
		for i := range stored {
			stored[i] = l.lie == "every event is told stored"
		}
		return stored, err
	case "the last copy is kept":
		stored, err := honest()
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, g := range good.Groups {
			for _, e := range g.Events {
				l.rows[Key{e.ID, e.Topic}] = e
			}
		}
		return stored, err
	case "bad data is left out":
		for i := range good.Groups {
			good.Groups[i].Events = slices.DeleteFunc(good.Groups[i].Events, poison)
		}
	case "what is not bad is stored":
		stored, err := honest()
		if err != nil {
			l.write(good.Groups[:1])
		}
		return stored, err
	case "an ended context makes no end":
		ctx = context.WithoutCancel(ctx)
	case "it is stored all the same":
		stored, err := honest()
		if ctx.Err() != nil {
			l.write(good.Groups)
		}
		return stored, err
	case "nothing is one event":
		stored, err := honest()
		return append(stored, make([]bool, max(0, 1-len(stored)))...), err
	case "sent is never called":
		return l.Fake.Merge(ctx, good, func() {})
	case "sent is called behind COMMIT":
		stored, err := l.Fake.Merge(ctx, good, func() {})
		sent()
		return stored, err
	case "a suspect is a duplicate":
		stored, err := honest()
		for i, suspect := range b.Suspects {
			stored[i] = stored[i] && !suspect
		}
		return stored, err
	case "old events are forgotten":
		if l.batches%16 == 0 {
			l.mu.Lock()
			clear(l.rows)
			l.mu.Unlock()
		}
	}
	return honest()
}

// TestALiar is what TestTheContractSeesEveryLie runs, a lie at a time.
func TestALiar(t *testing.T) {
	lie := os.Getenv(liarEnv)
	if lie == "" {
		t.Skip("run by TestTheContractSeesEveryLie")
	}
	Contract(t, func(*testing.T) Opened {
		l := &liar{Fake: NewFake(), lie: lie}
		return Opened{Store: l, Rows: l.Rows}
	})
}

// TestTheContractSeesEveryLie: a store that breaks a promise fails in the part of the contract that is about it. It fails
// in a process of its own, since a test cannot fail and go on.
func TestTheContractSeesEveryLie(t *testing.T) {
	t.Parallel()
	for lie, part := range lies {
		t.Run(lie, func(t *testing.T) {
			t.Parallel()
			test := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestALiar$", "-test.count=1", "-test.timeout=60s")
			test.Env = append(os.Environ(), liarEnv+"="+lie)
			said, err := test.CombinedOutput()
			if failed := "--- FAIL: TestALiar/" + strings.ReplaceAll(part, " ", "_"); err == nil || !strings.Contains(string(said), failed) {
				t.Errorf("%v, want %q in\n%s", err, failed, said)
			}
		})
	}
}
