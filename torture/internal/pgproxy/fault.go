package pgproxy

import (
	"fmt"
	"time"

	"ingot/internal/door"
)

// Point is a moment in an ingester's talk with Postgres. One message may be several of them: the Query that ends a
// staged batch is Log and Commit, and that of the direct path is Direct as well.
type Point string

const (
	Connect Point = "connect" // the startup message
	Setup   Point = "setup"   // the session's settings
	Merge   Point = "merge"   // the statement that writes staged keys
	LookUp  Point = "look-up" // the query that asks which keys exist
	Log     Point = "log"     // the row of the commit log, with its lock and its topics
	Commit  Point = "commit"  // COMMIT of a batch
	Direct  Point = "direct"  // the direct path's one Query; the rows of its COPY follow
	Rows    Point = "rows"    // the data of a COPY: a CopyData message
	Fence   Point = "fence"   // the void log row of a batch in doubt, with its COMMIT
	Read    Point = "read"    // a query of GET /events or /stats
	Any     Point = "any"     // any message that asks for an answer, once connected
)

// Action is what happens to the message.
type Action string

const (
	// Error answers with SQLSTATE, and does not forward the message. Codes that end a connection (57P01, 57P03,
	// 53300, ..), and every code at Connect, come as FATAL and end it.
	Error Action = "error"
	// DropBefore cuts both sides with an RST: the message never arrives.
	DropBefore Action = "drop before"
	// SwallowAfter forwards the message, waits until the server is ready again, and cuts both sides without passing
	// the answer on.
	SwallowAfter Action = "swallow after"
	// HangAfter forwards the message and never passes an answer on again. The client's socket stays open until the
	// client closes it.
	HangAfter Action = "hang after"
	// HalfThenCut forwards half of the message's bytes and cuts both sides.
	HalfThenCut Action = "half, then cut"
	// RollBack sends ROLLBACK in place of a Query, within its transaction. The answer is no error: it says ROLLBACK
	// where that to a COMMIT would say COMMIT.
	RollBack Action = "roll back"
	// DelayBefore forwards the message after Delay, even if the client has gone by then.
	DelayBefore Action = "delay before"
)

// Fault is what is to happen, and when.
type Fault struct {
	At       Point
	Do       Action
	SQLSTATE string        // of Error
	Delay    time.Duration // of DelayBefore
	Times    int           // 0 is once
}

// Armed tells what became of a fault.
type Armed = door.Armed

// Arm arms a fault for the next message that it fits, on any connection. One fault strikes a message: of several that
// fit, the one that was armed first. Arm panics when the fault makes no sense.
func (p *Proxy) Arm(f Fault) *Armed {
	query := f.At == Log || f.At == Commit || f.At == Direct || f.At == Fence
	if f.Do == Error && (len(f.SQLSTATE) != 5 || f.At == Rows) || f.Do == RollBack && !query {
		panic(fmt.Sprintf("pgproxy: no such fault: %+v", f))
	}
	return p.faults.Add(f, f.Times)
}

// Disarm takes back what has not struck.
func (p *Proxy) Disarm() { p.faults.Disarm() }

func (p *Proxy) take(m message) (Fault, bool) {
	return p.faults.Take(func(f Fault) bool { return m.at(f.At) })
}
