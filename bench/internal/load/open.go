package load

import (
	"context"
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

// Open is a load at a fixed rate, whether or not answers come.
type Open struct {
	Address string
	Rate    int // requests a second
	Array   int // events in a request; 0: one, as an object
	Warm    time.Duration
	Measure time.Duration
	Encoder *mix.Encoder
	Source  *mix.Source
	Ack     func(picks []int)

	// Open and Close are called as the window of measurement opens and closes. Both may be nil.
	Open, Close func()
}

// Run attacks for Warm and Measure, then waits for the last answers. Requests count
// for the window in which their answer came.
func (o *Open) Run(ctx context.Context) (*Tally, error) {
	connections := &http.Transport{MaxIdleConnsPerHost: maxWorkers, MaxConnsPerHost: maxWorkers}
	defer connections.CloseIdleConnections() // or they count against the ingester's limit in the next load
	attacker := vegeta.NewAttacker(vegeta.MaxWorkers(maxWorkers),
		vegeta.Client(&http.Client{Transport: connections, Timeout: answerTimeout}))
	begin := time.Now()
	defer o.hooks(ctx)()
	defer context.AfterFunc(ctx, func() { attacker.Stop() })()
	sent := newRequests(o)
	pace := vegeta.ConstantPacer{Freq: o.Rate, Per: time.Second}
	tally := newTally()
	tally.Elapsed = o.Measure
	for r := range attacker.Attack(sent.target, pace, o.Warm+o.Measure, "") {
		o.settle(tally, r, sent.take(r.Headers.Get(requestID)), begin)
	}
	return tally, ctx.Err()
}

// hooks calls Open and Close at their times, one after the other, or not at all once ctx has ended; the function returned waits
// for that.
func (o *Open) hooks(ctx context.Context) (wait func()) {
	if o.Open == nil || o.Close == nil {
		return func() {}
	}
	done, end := make(chan struct{}), time.Now().Add(o.Warm+o.Measure)
	go func() { // ends by itself or with ctx, awaited by wait
		defer close(done)
		if sleep(ctx, o.Warm) != nil {
			return
		}
		o.Open()
		if sleep(ctx, time.Until(end)) == nil {
			o.Close()
		}
	}()
	return func() { <-done }
}

// settle settles one result. picks is nil when the answer did not say which request
// it belongs to; a lost answer is counted all the same.
func (o *Open) settle(t *Tally, r *vegeta.Result, picks []int, begin time.Time) {
	n := max(1, o.Array)
	if r.Code == 0 {
		t.fail(errNoAnswer(r.Error), n)
		return
	}
	answered := r.Timestamp.Add(r.Latency).Sub(begin)
	measured := answered >= o.Warm && answered < o.Warm+o.Measure
	if t.settle(int(r.Code), r.Body, n, measured, r.Latency) && o.Ack != nil {
		o.Ack(picks)
	}
}

type errNoAnswer string

func (e errNoAnswer) Error() string { return "no answer: " + string(e) }

// requestID is echoed by the ingester: it tells which request an answer is for,
// which vegeta does not.
const requestID = "X-Request-Id"

// requests makes vegeta's targets and remembers what was in them.
type requests struct {
	run *Open

	mu   sync.Mutex // guards what follows: vegeta's workers ask at the same time
	draw *mix.Draw
	sent map[string][]int
	next int
}

func newRequests(o *Open) *requests {
	return &requests{run: o, draw: o.Source.NewDraw(0), sent: map[string][]int{}}
}

// target is a vegeta.Targeter.
func (r *requests) target(t *vegeta.Target) error {
	events, id := r.deal()
	t.Method, t.URL = http.MethodPost, "http://"+r.run.Address+path
	t.Header = http.Header{"Content-Type": {"application/json"}, requestID: {id}}
	t.Body = appendBody(nil, r.run.Encoder, events, r.run.Array > 0)
	return nil
}

func (r *requests) deal() (events []int, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	id = "bench-" + strconv.Itoa(r.next)
	events = r.draw.Append(nil, max(1, r.run.Array))
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
