package load

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"ingot/bench/internal/mix"
)

// maxWorkers bounds the requests that vegeta keeps open. When all of them wait for answers, vegeta sends no more. The rate
// achieved falls below the rate asked then: that is the sign to look for.
const maxWorkers = 4096

// OpenLoop sends so many requests a second for Warm and Measure, whether or not answers come, then waits for the last answers.
// Requests count for the window in which their answer came.
func (l *Load) OpenLoop(ctx context.Context, rate int) (*Tally, error) {
	connections := &http.Transport{MaxIdleConnsPerHost: maxWorkers, MaxConnsPerHost: maxWorkers}
	defer connections.CloseIdleConnections() // or they count against the ingester's limit in the next load
	attacker := vegeta.NewAttacker(vegeta.MaxWorkers(maxWorkers),
		vegeta.Client(&http.Client{Transport: connections, Timeout: answerTimeout}))
	begin := time.Now()
	defer l.watchWindow(ctx)()
	defer context.AfterFunc(ctx, func() { attacker.Stop() })()
	sent := &requests{load: l, draw: l.Source.NewDraw(0), sent: map[string][]int{}}
	pace := vegeta.ConstantPacer{Freq: rate, Per: time.Second}
	tally := newTally()
	tally.Elapsed = l.Measure
	for r := range attacker.Attack(sent.target, pace, l.Warm+l.Measure, "") {
		l.settle(tally, r, sent.take(r.Headers.Get(requestID)), begin)
	}
	return tally, ctx.Err()
}

// watchWindow calls WindowOpens and WindowCloses at their times, one after the other, or not at all once ctx has ended; the
// function returned waits for that.
func (l *Load) watchWindow(ctx context.Context) (wait func()) {
	if l.WindowOpens == nil || l.WindowCloses == nil {
		return func() {}
	}
	done, end := make(chan struct{}), time.Now().Add(l.Warm+l.Measure)
	go func() { // ends by itself or with ctx, awaited by wait
		defer close(done)
		if sleep(ctx, l.Warm) != nil {
			return
		}
		l.WindowOpens()
		if sleep(ctx, time.Until(end)) == nil {
			l.WindowCloses()
		}
	}()
	return func() { <-done }
}

// settle settles one result. picks is nil when the answer did not say which request
// it belongs to; a lost answer is counted all the same.
func (l *Load) settle(t *Tally, r *vegeta.Result, picks []int, begin time.Time) {
	n := l.requestEvents()
	if r.Code == 0 {
		t.fail(errors.New("no answer: "+r.Error), n)
		return
	}
	answered := r.Timestamp.Add(r.Latency).Sub(begin)
	measured := answered >= l.Warm && answered < l.Warm+l.Measure
	if t.settle(int(r.Code), r.Body, n, measured, r.Latency) && l.Ack != nil {
		l.Ack(picks)
	}
}

// requestID is echoed by the ingester: it tells which request an answer is for,
// which vegeta does not.
const requestID = "X-Request-Id"

// requests makes vegeta's targets and remembers what was in them.
type requests struct {
	load *Load

	mu   sync.Mutex // guards what follows: vegeta's workers ask at the same time
	draw *mix.Draw
	sent map[string][]int
	next int
}

// target is a vegeta.Targeter.
func (r *requests) target(t *vegeta.Target) error {
	events, id := r.deal()
	t.Method, t.URL = http.MethodPost, "http://"+r.load.Addresses[0]+path
	t.Header = http.Header{"Content-Type": {"application/json"}, requestID: {id}}
	t.Body = appendBody(nil, r.load.Encoder, events, r.load.Array > 0)
	return nil
}

func (r *requests) deal() (events []int, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	id = "bench-" + strconv.Itoa(r.next)
	events = r.draw.Append(nil, r.load.requestEvents())
	r.sent[id] = events
	return events, id
}

func (r *requests) take(id string) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.sent[id]
	delete(r.sent, id)
	return events
}
