package netproxy

import (
	"io"
	"sync"

	"ingot/torture/internal/door"
)

// bufferSize is that of one read: what Delay counts.
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

// serve relays one connection, its requests here and its answers in a goroutine of
// its own.
func (p *Proxy) serve(c *door.Conn) {
	r := &relay{p: p, c: c, idle: true}
	c.Go(func() {
		_ = r.move(c.Client(), c.Upstream(), r.answer)
		c.End() // who has no more to answer hears nothing more
	})
	if r.move(c.Upstream(), c.Client(), r.request) != nil {
		return
	}
	_ = c.Upstream().CloseWrite()
	c.Hold() // a client may end its half and still wait
}

// relay is one connection and the fault that has struck it.
type relay struct {
	p *Proxy
	c *door.Conn

	mu    sync.Mutex // guards what follows
	idle  bool       // the last bytes were an answer's, or there were none
	fault *Fault
	left  int // bytes that pass before it cuts
}

// move copies until from ends, which is nil, or the connection does. pass tells how
// many of the bytes that came are to go on, and whether the connection is cut then.
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

// request is told of n bytes of the client.
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

// answer is told of n bytes of the ingester.
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

// cut ends both sides; what was passed before arrives, which an RST could take away.
func (r *relay) cut() {
	if r.fault.Do == SwallowResponse {
		r.c.Reset()
		return
	}
	r.c.End()
}

// spend passes bytes until those that the fault lets pass are used up.
func (r *relay) spend(n int) (passes int, cut bool) {
	passes = min(n, r.left)
	r.left -= passes
	return passes, r.left == 0
}
