package torture

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"ingot/torture/internal/oracle"
	"ingot/torture/internal/traffic"
)

const (
	stormClients = 24

	// answerWithin bounds an answer. It is a hang detector: ingesters of the storm have
	// deadlines of moments.
	answerWithin = 40 * time.Second

	// Pauses between two sendings of a request. Retry-After says seconds; a storm has
	// not as much time.
	retryPause    = 15 * time.Millisecond
	retryPauseMax = 150 * time.Millisecond
)

// stormClient publishes one request at a time, over a connection to each ingester.
type stormClient struct {
	s     *storm
	name  string
	lines []*stormLine
}

// stormLine is a client's connection to one ingester.
type stormLine struct {
	traffic.Client
	to   *stormIngester
	last int64 // tick before the last request on it: it was good at some time after that
}

func (s *storm) newClient(name string) *stormClient {
	c := &stormClient{s: s, name: name}
	for _, i := range s.ingesters {
		c.lines = append(c.lines, &stormLine{Client: traffic.Client{Address: i.front.Address(), Patience: answerWithin}, to: i})
	}
	return c
}

func (c *stormClient) close() {
	for _, l := range c.lines {
		l.Close()
	}
}

// run takes requests until there are none.
func (c *stormClient) run() {
	defer c.close()
	for {
		n, ok := c.s.gate.take()
		if !ok {
			return
		}
		c.want(&c.s.plan[n], nil)
		c.s.gate.done()
	}
}

// want sends a request until it is settled, to any ingester or always to the same; a
// request without patience is sent once.
func (c *stormClient) want(r *traffic.Request, only *stormIngester) {
	random := rand.New(rand.NewPCG(c.s.seed, uint64(r.Number)))
	for try, pause := 0, retryPause; c.s.ctx.Err() == nil; try, pause = try+1, min(2*pause, retryPauseMax) {
		line := c.lines[random.IntN(len(c.lines))]
		for only != nil && line.to != only {
			line = c.lines[random.IntN(len(c.lines))]
		}
		settled := false
		if r.Leave != traffic.Stay && try == 0 {
			c.leave(line, r)
		} else {
			settled = c.send(line, r)
		}
		if settled || !r.Patient {
			return
		}
		c.s.sleep(pause/2 + rand.N(pause))
	}
}

// send sends the request once and writes down what came of it.
func (c *stormClient) send(line *stormLine, r *traffic.Request) (settled bool) {
	h := c.s.history
	first, since, sending := c.write(line, r)
	got, err := line.Exchange(sending.Bytes)
	if c.s.ctx.Err() != nil {
		return false // the end of the storm cuts what is under way
	}
	switch {
	case errors.Is(err, traffic.ErrNotSent):
		c.tell(first, slices.Repeat([]oracle.Fate{oracle.Refused}, len(r.Events)), "no connection")
		return false
	case err != nil:
		c.s.gate.count("none")
		c.s.report.answered("none")
		h.Lost(first, len(r.Events), since, err.Error())
		return false
	}
	a := r.Read(got)
	if a.Wrong != "" {
		h.Violate("every answer fits its request", fmt.Sprintf("%s, request %d, sent as attempt %d to %s: %s", a.Name, r.Number, first, line.to.name, a.Wrong))
	}
	if r.Blamed(a) {
		c.s.blamed.Add(1)
	}
	c.tell(first, a.Fates, a.Name)
	return r.Settled(a)
}

// write makes the bytes of a sending and notes them as sent. since is when the
// connection was last known to be good.
func (c *stormClient) write(line *stormLine, r *traffic.Request) (first int, since int64, s traffic.Sending) {
	h := c.s.history
	first = h.Reserve(len(r.Events))
	s = r.Sending(first, c.name)
	since = h.Now()
	before := since
	if line.Open() {
		since = line.last
	}
	line.last = before
	h.Send(first, r.Number, line.to.name, s.Events)
	c.s.report.sent(len(r.Events), r.Form == traffic.Single)
	return first, since, s
}

func (c *stormClient) tell(first int, told []oracle.Fate, name string) {
	c.s.history.Tell(first, told, name)
	c.s.gate.count(name)
	c.s.report.answered(name)
}

// leave resets the connection halfway, which may not store anything, or when all is
// sent, of which nobody can know what becomes of it.
func (c *stormClient) leave(line *stormLine, r *traffic.Request) {
	first, _, sending := c.write(line, r)
	n, fate := len(sending.Bytes), oracle.Unknown
	if r.Leave == traffic.LeaveHalf {
		n, fate = n-n/4-1, oracle.Refused
	}
	_ = line.Leave(sending.Bytes, n)
	c.tell(first, slices.Repeat([]oracle.Fate{fate}, len(r.Events)), "client left")
}
