package traffic

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"ingot/torture/internal/oracle"
)

// Form is how a request is written.
type Form uint8

// The forms of design.md, section 5.
const (
	Single Form = iota // one event object
	Array
	Wrapped // {"events":[..]}
	NDJSON
)

// Event is one event of a request.
type Event struct {
	Key    oracle.Key
	Filler int // bytes in the payload besides what tells attempts apart
	Bad    Bad
	Raw    string // of BadRaw: the event as it is sent
}

// Request is what a client wants to be stored. It may be sent many times.
type Request struct {
	Number  int
	Events  []Event
	Form    Form
	Gzip    bool
	All     bool // ask for the result of every event
	Patient bool // send it again until it is settled; others take the first answer
	Spoil   Spoil
	Leave   Leave
}

// Leave is how a client breaks off its first sending of a request.
type Leave uint8

// Ways to leave; after them the request is sent again.
const (
	Stay      Leave = iota
	LeaveHalf       // reset the connection when half is sent: nothing may be stored
	LeaveSent       // reset it when all is sent
)

// Shares of a plan. They are guesses, which keep the load varied and mostly good.
const (
	shareSingle  = 0.55
	shareCopied  = 0.08 // of the events of a list: copies within the request
	shareRecent  = 0.25 // keys that others are sending just now
	shareOld     = 0.07
	shareBad     = 0.003
	shareSpoiled = 0.005
	shareLeave   = 0.004
	shareOnce    = 0.15 // requests that are sent only once

	recent = 60 // the newest keys, of which shareRecent draws
	topics = 7
)

// planner draws requests.
type planner struct {
	*rand.Rand
	seed uint64
	keys []oracle.Key
}

// Plan draws n requests from a seed.
func Plan(seed uint64, n int) []Request {
	p := &planner{Rand: rand.New(rand.NewPCG(seed, 1)), seed: seed}
	plan := make([]Request, n)
	for i := range plan {
		plan[i] = p.request(i)
	}
	return plan
}

func (p *planner) request(number int) Request {
	r := Request{Number: number, All: p.chance(0.7), Gzip: p.chance(0.2), Patient: !p.chance(shareOnce)}
	size := 1
	if !p.chance(shareSingle) {
		size, r.Form = p.size(), []Form{Array, Array, Wrapped, NDJSON}[p.IntN(4)]
	}
	for range size {
		r.Events = append(r.Events, p.event(r.Events))
	}
	switch {
	case p.chance(shareSpoiled):
		p.spoil(&r)
	case p.chance(shareLeave):
		r.Leave = LeaveHalf + Leave(p.IntN(2))
	}
	return r
}

func (p *planner) chance(share float64) bool { return p.Float64() < share }

// size of a list: most are small, few fill a batch.
func (p *planner) size() int {
	between := func(least, most int) int { return least + p.IntN(most-least+1) }
	switch x := p.Float64(); {
	case x < 0.62:
		return between(2, 7)
	case x < 0.94:
		return between(8, 24)
	case x < 0.995:
		return between(25, 60)
	}
	return between(100, 300)
}

func (p *planner) event(before []Event) Event {
	e := Event{Filler: p.filler()}
	switch x := p.Float64(); {
	case x < shareCopied && len(before) > 0:
		e.Key = before[p.IntN(len(before))].Key
	case x < shareCopied+shareRecent && len(p.keys) > 0:
		e.Key = p.keys[len(p.keys)-1-p.IntN(min(recent, len(p.keys)))]
	case x < shareCopied+shareRecent+shareOld && len(p.keys) > 0:
		e.Key = p.keys[p.IntN(len(p.keys))]
	default:
		e.Key = p.key()
		p.keys = append(p.keys, e.Key)
	}
	if p.chance(shareBad) {
		e.Bad = 1 + Bad(p.IntN(int(BadRaw)-1))
		e.Key = oracle.Key{ID: fmt.Sprintf("bad-%d-%d", p.seed, p.Uint64()), Topic: "bad"} // nobody else's
	}
	return e
}

// key makes a new key. Some have the id of another key and another topic, and some are not ASCII.
func (p *planner) key() oracle.Key {
	k := oracle.Key{ID: fmt.Sprintf("%08x-%d", p.Uint32(), len(p.keys)), Topic: fmt.Sprint("topic-", p.IntN(topics))}
	switch p.IntN(20) {
	case 0:
		k.ID = "ключ \"" + k.ID + "\" \\ 鍵"
	case 1:
		if n := len(p.keys); n > 0 {
			k = oracle.Key{ID: p.keys[n-1].ID, Topic: fmt.Sprint("other-", n)[:7]}
		}
	}
	if slices.Contains(p.keys[max(0, len(p.keys)-2):], k) {
		k.ID += "+"
	}
	return k
}

func (p *planner) filler() int {
	switch p.IntN(200) {
	case 0:
		return 2_000 + p.IntN(20_000)
	case 1, 2, 3, 4, 5, 6, 7, 8, 9, 10:
		return p.IntN(2_000)
	}
	return p.IntN(200)
}

// Fresh makes a request of n keys that no plan has, for faults that bring their own.
func Fresh(seed uint64, number, n int) Request {
	r := Request{Number: number, Form: Array, All: true, Patient: true}
	for i := range n {
		r.Events = append(r.Events, Event{Filler: 50, Key: oracle.Key{ID: fmt.Sprintf("fresh-%d-%d-%d", seed, number, i), Topic: "fresh"}})
	}
	return r
}
