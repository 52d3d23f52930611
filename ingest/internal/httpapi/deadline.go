package httpapi

import (
	"errors"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// deadline is the read or the write deadline of a connection. fasthttp sets three deadlines per request, and each would
// move a timer of the runtime. So a deadline that is put off is only noted, and the timer stays where it is. A read or
// write that the timer interrupts too early is tried again.
type deadline struct {
	wanted atomic.Int64 // since epoch; never: there is none
	armed  atomic.Int64 // what the timer is set to: at most wanted, except while it is being moved
	moving sync.Mutex   // held while the timer is being moved
}

const never = math.MaxInt64

// epoch has a monotonic clock reading, so that deadlines do not move with the wall clock.
var epoch = time.Now()

func (d *deadline) init() {
	d.wanted.Store(never)
	d.armed.Store(never)
}

// set notes a deadline. It moves the timer only if the deadline is due before the timer.
func (d *deadline) set(t time.Time, move func(time.Time) error) error {
	at := int64(never)
	if !t.IsZero() {
		at = int64(t.Sub(epoch))
	}
	d.wanted.Store(at)
	if at >= d.armed.Load() {
		return nil
	}
	return d.arm(move)
}

// arm moves the timer to the deadline that is wanted now. Meanwhile another goroutine may set a later deadline and
// leave the timer alone, since it does not see that the timer has just fired. So arm looks again after the move.
func (d *deadline) arm(move func(time.Time) error) error {
	d.moving.Lock()
	defer d.moving.Unlock()
	for {
		at := d.wanted.Load()
		d.armed.Store(at)
		var when time.Time
		if at != never {
			when = epoch.Add(time.Duration(at))
		}
		if err := move(when); err != nil || d.wanted.Load() == at {
			return err
		}
	}
}

// again tells whether a timeout came before the deadline that is wanted. If so, it has moved the timer to that
// deadline.
func (d *deadline) again(move func(time.Time) error) bool {
	return int64(time.Since(epoch)) < d.wanted.Load() && d.arm(move) == nil
}

// timed is a connection whose deadlines cost nothing to put off.
type timed struct {
	net.Conn
	reading, writing deadline
}

func (t *timed) init(c net.Conn) {
	t.Conn = c
	t.reading.init()
	t.writing.init()
}

// Read implements net.Conn.
func (t *timed) Read(p []byte) (int, error) {
	for {
		n, err := t.Conn.Read(p)
		if err == nil || n > 0 || !isTimeout(err) || !t.reading.again(t.Conn.SetReadDeadline) {
			return n, err
		}
	}
}

// Write implements net.Conn.
func (t *timed) Write(p []byte) (written int, err error) {
	for {
		n, err := t.Conn.Write(p[written:])
		written += n
		if err == nil || !isTimeout(err) || !t.writing.again(t.Conn.SetWriteDeadline) {
			return written, err
		}
	}
}

// SetDeadline implements net.Conn.
func (t *timed) SetDeadline(at time.Time) error {
	if err := t.SetReadDeadline(at); err != nil {
		return err
	}
	return t.SetWriteDeadline(at)
}

// SetReadDeadline implements net.Conn.
func (t *timed) SetReadDeadline(at time.Time) error {
	return t.reading.set(at, t.Conn.SetReadDeadline)
}

// SetWriteDeadline implements net.Conn.
func (t *timed) SetWriteDeadline(at time.Time) error {
	return t.writing.set(at, t.Conn.SetWriteDeadline)
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
