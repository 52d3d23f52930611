package door

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// errEnded is what a wait returns when the connection has been cut.
var errEnded = errors.New("the connection was ended")

// Conn is one client and its connection to the upstream.
type Conn struct {
	door    *Door
	ctx     context.Context // ends with the connection
	cancel  context.CancelFunc
	started sync.WaitGroup
	client  net.Conn

	mu       sync.Mutex
	upstream net.Conn // nil until it is dialled
	ended    bool
}

// meet notes the upstream connection once it is dialled. If the Conn was ended meanwhile, meet closes the upstream
// and returns false.
func (c *Conn) meet(upstream net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		_ = upstream.Close()
		return false
	}
	c.upstream = upstream
	return true
}

// Go starts a goroutine that has to end with the connection. The Door awaits it once serve has returned.
func (c *Conn) Go(f func()) { c.started.Go(f) }

// pass waits while the door is a black hole.
func (c *Conn) pass() error {
	for {
		c.door.mu.Lock()
		m, changed := c.door.mood, c.door.changed
		c.door.mu.Unlock()
		if m != blackHole {
			return c.ctx.Err()
		}
		select {
		case <-changed:
		case <-c.ctx.Done():
			return errEnded
		}
	}
}

// Lag waits as long as Delay asks for.
func (c *Conn) Lag() error {
	c.door.mu.Lock()
	delay := c.door.delay
	c.door.mu.Unlock()
	return c.Sleep(delay)
}

// Sleep waits, unless the connection is ended.
func (c *Conn) Sleep(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.ctx.Done():
		return errEnded
	}
}

// Hold waits until the connection is ended from elsewhere.
func (c *Conn) Hold() { <-c.ctx.Done() }

// Reset ends both sides, with an RST where the network knows one.
func (c *Conn) Reset() { c.end(true) }

// End closes both sides.
func (c *Conn) End() { c.end(false) }

func (c *Conn) end(abruptly bool) {
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	for _, side := range []net.Conn{c.client, c.upstream} {
		if tcp, ok := side.(*net.TCPConn); ok && abruptly {
			_ = tcp.SetLinger(0)
		}
		if side != nil {
			_ = side.Close()
		}
	}
}
