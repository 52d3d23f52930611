package netproxy

import "ingot/torture/internal/door"

// Action is what happens to a request or its answer. A request begins, as far as
// bytes tell, when a client sends after an answer, or for the first time.
type Action string

const (
	// CutRequest passes After bytes of the request and cuts both sides.
	CutRequest Action = "cut request"
	// SwallowResponse passes the request, waits for the answer to begin, and cuts both
	// sides with an RST: it was decided and nobody was told.
	SwallowResponse Action = "swallow response"
	// CutResponse passes After bytes of the answer and cuts both sides.
	CutResponse Action = "cut response"
)

// Fault is what is to happen to the next requests, on whatever connection. One that
// is shorter than After, and then its answer, passes; the next on its connection is cut.
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
