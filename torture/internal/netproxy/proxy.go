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
	faults door.Faults[Fault]
}

// Listen listens on a free port of 127.0.0.1 and relays to upstream, host:port, until
// Close.
func Listen(upstream string) (*Proxy, error) {
	p := &Proxy{}
	d, err := door.Open("tcp", upstream, p.serve)
	if err != nil {
		return nil, err
	}
	p.Door = d
	return p, nil
}

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

// relay is one connection and the fault that has struck it.
type relay struct {
	p *Proxy
	c *door.Conn

	mu    sync.Mutex // guards what follows
	idle  bool       // the last bytes were an answer's, or there were none
	fault *Fault
	left  int // bytes that still pass before the fault cuts
}

// move copies bytes from one side to the other. It returns nil when from has ended, and an error when the connection
// has. pass tells how many of n bytes that came are to go on, and whether the connection is cut after them.
func (r *relay) move(to, from door.Side, pass func(n int) (passes int, cut bool)) error {
	buf := make([]byte, bufferSize)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if err := r.c.Lag(); err != nil {
				return err
			}
			passes, cut := pass(n)
			if _, err := to.Write(buf[:passes]); err != nil {
				return err
			}
			if cut {
				r.cut()
				return io.ErrClosedPipe
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

// request is told of n bytes that the client has sent.
func (r *relay) request(n int) (passes int, cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.idle && r.fault == nil {
		if f, ok := r.p.faults.Take(func(Fault) bool { return true }); ok {
			r.fault, r.left = &f, f.After
		}
	}
	r.idle = false
	if r.fault == nil || r.fault.Do != CutRequest {
		return n, false
	}
	return r.spend(n)
}

// answer is told of n bytes that the ingester has sent.
func (r *relay) answer(n int) (passes int, cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = true
	switch {
	case r.fault == nil || r.fault.Do == CutRequest:
		return n, false
	case r.fault.Do == SwallowResponse:
		return 0, true
	}
	return r.spend(n)
}

// cut ends both sides. Only a swallowed answer is cut with an RST: an RST could take away bytes that were passed
// before.
func (r *relay) cut() {
	if r.fault.Do == SwallowResponse {
		r.c.Reset()
		return
	}
	r.c.End()
}

// spend passes bytes until as many as the fault lets pass are used up.
func (r *relay) spend(n int) (passes int, cut bool) {
	passes = min(n, r.left)
	r.left -= passes
	return passes, r.left == 0
}
