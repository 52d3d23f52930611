package netproxy

import "ingot/internal/door"

// Action is what happens to a request or its answer. The proxy sees bytes only: a request begins when a client sends
// something after bytes of an answer, or for the first time.
type Action string

const (
	// CutRequest passes After bytes of the request and cuts both sides.
	CutRequest Action = "cut request"
	// SwallowResponse passes the request, waits for the answer to begin, and cuts both sides with an RST: the
	// ingester has decided, and the client was not told.
	SwallowResponse Action = "swallow response"
	// CutResponse passes After bytes of the answer and cuts both sides.
	CutResponse Action = "cut response"
)

// Fault is what is to happen to the next requests, on whatever connection. A request or an answer that is shorter
// than After passes as a whole. The next one on the same connection is cut then, where the rest of After is used up.
type Fault struct {
	Do    Action
	After int // bytes, from the first of the request or of the answer
	Times int // 0 is once
}

// Armed tells what became of a fault.
type Armed = door.Armed

// Arm sets a fault for the next request.
func (p *Proxy) Arm(f Fault) *Armed { return p.faults.Add(f, f.Times) }

// Disarm takes back what has not struck.
func (p *Proxy) Disarm() { p.faults.Disarm() }
