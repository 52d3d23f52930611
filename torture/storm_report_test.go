package torture

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// report is what the seeds of a run add up to.
type report struct {
	mu                        sync.Mutex
	seeds                     []string
	requests, singles, events int
	answers                   map[string]int
	armed, fired              map[string]int // by kind of fault
	notRun                    map[string]string
	ways                      map[string]int // out of doubt
}

func newReport() *report {
	return &report{answers: map[string]int{}, armed: map[string]int{}, fired: map[string]int{}, notRun: map[string]string{}, ways: map[string]int{}}
}

func (r *report) sent(events int, single bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	r.events += events
	if single {
		r.singles++
	}
}

func (r *report) answered(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[name]++
}

func (r *report) struck(f fault, fired bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.armed[f.kind]++
	r.fired[f.kind] += 0 // listed in any case
	if fired {
		r.fired[f.kind]++
	}
}

func (r *report) cannot(kind, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notRun[kind] = why
}

func (r *report) ended(seed uint64, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seeds = append(r.seeds, fmt.Sprintf("%d in %.0f s", seed, took.Seconds()))
}

// Ways out of doubt, by what is logged; the third is told to clients.
const (
	wayCommitted = "a batch in doubt was committed"
	wayNever     = "a batch in doubt was not committed and never will be"
	wayUnknown   = "504 outcome-unknown"
)

func (r *report) logged(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, way := range []string{wayCommitted, wayNever} {
		r.ways[way] += strings.Count(text, `"msg":"`+way+`"`)
	}
}

// wanted is what clients have to be told at some time in a whole storm.
var wanted = []string{
	"200", "207", "400 not-json", "400 not-decompressed", "415 unsupported-media-type", "415 unsupported-encoding",
	"422 invalid-events", "422 refused-by-postgres", "503 queue-full", "503 draining", "503 expired",
	"503 database-unavailable", "504 outcome-unknown", "none", "client left",
}

// The size of a whole storm.
const (
	wholeEvents   = 200_000
	wholeRequests = 40_000
	wholeFaults   = 150
)

// missing is what the seeds together did not reach.
func (r *report) missing() (missing []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	least := func(what string, n, least int) {
		if n < least {
			missing = append(missing, fmt.Sprintf("%s: %d, at least %d are wanted", what, n, least))
		}
	}
	least("event attempts", r.events, wholeEvents)
	least("requests", r.requests, wholeRequests)
	least("single events", r.singles, r.requests/2)
	least("faults", sum(r.fired), wholeFaults)
	for kind, n := range r.fired {
		least("fault "+kind, n, 1)
	}
	for _, name := range wanted {
		least("answer "+name, r.answers[name], 1)
	}
	least("doubt: "+wayCommitted, r.ways[wayCommitted], 1)
	least("doubt: "+wayNever, r.ways[wayNever], 1)
	return missing
}

func sum(counts map[string]int) (n int) {
	for _, k := range counts {
		n += k
	}
	return n
}

// table is the report for people.
func (r *report) table() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "seeds: %s\n", strings.Join(r.seeds, ", "))
	fmt.Fprintf(&b, "%d event attempts in %d requests, %d of them single events\n", r.events, r.requests, r.singles)
	fmt.Fprintf(&b, "%d faults of %d armed\n", sum(r.fired), sum(r.armed))
	for _, kind := range slices.Sorted(maps.Keys(r.armed)) {
		fmt.Fprintf(&b, "  %4d / %-4d %s\n", r.fired[kind], r.armed[kind], kind)
	}
	for _, kind := range slices.Sorted(maps.Keys(r.notRun)) {
		fmt.Fprintf(&b, "  not run     %s: %s\n", kind, r.notRun[kind])
	}
	fmt.Fprintf(&b, "answers\n")
	for _, name := range slices.Sorted(maps.Keys(r.answers)) {
		fmt.Fprintf(&b, "  %7d %s\n", r.answers[name], name)
	}
	fmt.Fprintf(&b, "ways out of doubt\n")
	fmt.Fprintf(&b, "  %7d the fence says committed\n  %7d the fence says never\n  %7d told as unknown\n",
		r.ways[wayCommitted], r.ways[wayNever], r.answers[wayUnknown])
	return b.String()
}
