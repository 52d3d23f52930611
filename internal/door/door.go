package door

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// dialTimeout bounds a connection to an upstream that does not answer.
const dialTimeout = 10 * time.Second

type mood int

const (
	pass mood = iota
	refuse
	blackHole
)

// Door accepts connections for one upstream.
type Door struct {
	listener net.Listener
	network  string // of the upstream
	address  string
	serve    func(*Conn)
	running  sync.WaitGroup

	mu      sync.Mutex // guards what follows
	mood    mood
	delay   time.Duration
	changed chan struct{} // closed and made anew when the mood changes
	conns   map[*Conn]bool
	closed  bool
}

// Open listens until Close. serve is called for each connection, in a goroutine of
// its own; both sides are closed when it returns.
func Open(upstreamNetwork, upstreamAddress string, serve func(*Conn)) (*Door, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	d := &Door{
		listener: l, network: upstreamNetwork, address: upstreamAddress, serve: serve,
		changed: make(chan struct{}), conns: map[*Conn]bool{},
	}
	d.running.Go(d.accept) // ends with the listener, awaited in Close
	return d, nil
}

// Address is where the door listens, host:port.
func (d *Door) Address() string { return d.listener.Addr().String() }

// Close cuts all connections and waits until nothing of them runs.
func (d *Door) Close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	_ = d.listener.Close()
	d.Cut()
	d.running.Wait()
}

// Connections is how many clients are connected.
func (d *Door) Connections() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.conns)
}

// Pass ends every other mood: connections are served.
func (d *Door) Pass() { d.become(pass, 0) }

// Delay is Pass with a wait before each step. The proxy chooses what a step is.
func (d *Door) Delay(wait time.Duration) { d.become(pass, wait) }

// BlackHole stops the bytes of all connections, and keeps their sockets open.
func (d *Door) BlackHole() { d.become(blackHole, 0) }

// Refuse cuts the connections there are, and each new one at once.
func (d *Door) Refuse() {
	d.become(refuse, 0)
	d.Cut()
}

func (d *Door) become(m mood, delay time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mood, d.delay = m, delay
	close(d.changed)
	d.changed = make(chan struct{})
}

// Cut ends the connections there are with an RST.
func (d *Door) Cut() {
	d.mu.Lock()
	conns := make([]*Conn, 0, len(d.conns))
	for c := range d.conns {
		conns = append(conns, c)
	}
	d.mu.Unlock()
	for _, c := range conns {
		c.Reset()
	}
}

func (d *Door) accept() {
	for {
		client, err := d.listener.Accept()
		if err != nil {
			return
		}
		c := &Conn{door: d, client: client}
		c.ctx, c.cancel = context.WithCancel(context.Background())
		if !d.keep(c) {
			c.Reset()
			continue
		}
		d.running.Go(func() { d.run(c) }) // ends with either side or Reset, awaited in Close
	}
}

// keep notes a connection. It returns false when the connection is to be refused.
func (d *Door) keep(c *Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.mood == refuse {
		return false
	}
	d.conns[c] = true
	return true
}

func (d *Door) run(c *Conn) {
	defer func() {
		c.End()
		c.started.Wait()
		d.mu.Lock()
		delete(d.conns, c)
		d.mu.Unlock()
	}()
	dialer := net.Dialer{Timeout: dialTimeout}
	upstream, err := dialer.DialContext(c.ctx, d.network, d.address)
	if err != nil || !c.meet(upstream) {
		return
	}
	d.serve(c)
}
