package torture

import "sync"

// gate lets clients have the requests of the plan, so many at a time: the storm opens
// it a piece for each fault. It also counts what is answered, which is the storm's
// only clock.
type gate struct {
	mu       sync.Mutex
	moved    sync.Cond
	next     int // request of the plan
	open     int // requests before this one may be had
	total    int
	clients  int
	idle     int // clients that wait at the gate
	closed   bool
	settled  int            // requests done with
	answers  int            // sendings that were answered, or broke
	answered map[string]int // by name
}

func newGate(total, clients int) *gate {
	g := &gate{total: total, clients: clients, answered: map[string]int{}}
	g.moved.L = &g.mu
	return g
}

// take waits for a request of the plan; false when there are no more.
func (g *gate) take() (request int, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.idle++
	for g.next >= g.open && g.next < g.total && !g.closed {
		g.moved.Wait()
	}
	g.idle--
	if g.closed || g.next >= g.total {
		return 0, false
	}
	g.next++
	return g.next - 1, true
}

// allow opens the gate up to a request of the plan.
func (g *gate) allow(open int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = max(g.open, open)
	g.moved.Broadcast()
}

// shut sends all clients home.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	g.moved.Broadcast()
}

func (g *gate) done() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.settled++
}

func (g *gate) count(answer string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers++
	g.answered[answer]++
}

// progress is a moment of the gate.
type progress struct {
	settled, answers, open int
	stalled                bool // everybody waits at the gate
}

func (g *gate) progress() progress {
	g.mu.Lock()
	defer g.mu.Unlock()
	return progress{g.settled, g.answers, g.open, g.idle == g.clients && g.next >= min(g.open, g.total)}
}

// told is how often an answer of that name was given.
func (g *gate) told(name string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.answered[name]
}
