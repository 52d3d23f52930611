package netproxy

import (
	"io"
	"sync"

	"ingot/internal/door"
)

// bufferSize is the most bytes of one read. Delay waits once for each read.
const bufferSize = 32 << 10

// Proxy relays connections to one ingester. Its moods are those of Door.
type Proxy struct {
	*door.Door
	swallows door.Faults[struct{}]
}

// Open listens on a free port of 127.0.0.1 and relays to upstream, host:port, until Close.
func Open(upstream string) (p *Proxy, err error) {
	p = &Proxy{}
	if p.Door, err = door.Open("tcp", upstream, func(c *door.Conn) { p.serve(c) }); err != nil {
		return nil, err
	}
	return p, nil
}

// SwallowAnswers passes the next requests, so many on whatever connection, and cuts both sides with an RST when their answers
// begin: the ingester has decided, and the client was not told. The proxy sees bytes only: a request begins when a client sends
// something after bytes of an answer, or for the first time.
func (p *Proxy) SwallowAnswers(times int) *door.Armed { return p.swallows.Add(struct{}{}, times) }

// Disarm takes back what has not struck.
func (p *Proxy) Disarm() { p.swallows.Disarm() }

// serve relays one connection: its requests in this goroutine, its answers in another one.
func (p *Proxy) serve(c *door.Conn) {
	r := &relay{p: p, c: c, idle: true}
	c.Go(func() {
		_ = r.move(c.Client(), c.Upstream(), r.answer)
		c.End() // an ingester that answers no more is sent no more
	})
	if r.move(c.Upstream(), c.Client(), r.request) != nil {
		return
	}
	_ = c.Upstream().CloseWrite()
	c.Hold() // a client may have closed its half and still wait for the answer
}

// relay is one connection.
type relay struct {
	p *Proxy
	c *door.Conn

	mu      sync.Mutex // guards what follows
	idle    bool       // the last bytes were an answer's, or there were none
	swallow bool       // the answer that comes next
}

// move copies bytes from one side to the other. It returns nil when from has ended, and an error when the connection
// has. passes is called for each piece that came; false cuts the connection.
func (r *relay) move(to, from door.Side, passes func() bool) error {
	buf := make([]byte, bufferSize)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if err := r.c.Lag(); err != nil {
				return err
			}
			if !passes() {
				r.c.Reset()
				return io.ErrClosedPipe
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// request is told that bytes of the client have come.
func (r *relay) request() (passes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.idle && !r.swallow {
		_, r.swallow = r.p.swallows.Take(func(struct{}) bool { return true })
	}
	r.idle = false
	return true
}

// answer is told that bytes of the ingester have come.
func (r *relay) answer() (passes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = true
	return !r.swallow
}
