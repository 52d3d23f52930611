package httpapi

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// soon is when a timer fires that was then put off; late is a hang detector.
const (
	soon = 20 * time.Millisecond
	late = time.Minute
)

// counting counts how often the timer of the connection behind it is moved.
type counting struct {
	net.Conn
	moved atomic.Int64
}

func (c *counting) SetReadDeadline(t time.Time) error {
	c.moved.Add(1)
	return c.Conn.SetReadDeadline(t)
}

// pair is a connection of the server, and the client's end.
func pair(t *testing.T) (*timed, *counting, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	below, own := &counting{Conn: c}, &timed{}
	own.init(below)
	return own, below, client
}

func setRead(t *testing.T, c net.Conn, at time.Time) {
	t.Helper()
	if err := c.SetReadDeadline(at); err != nil {
		t.Fatal(err)
	}
}

// TestDeadlinePutOff: a timer that was set for an earlier deadline cuts nothing short,
// whether there is a later one or none.
func TestDeadlinePutOff(t *testing.T) {
	t.Parallel()
	for _, then := range []time.Time{time.Now().Add(late), {}} {
		c, _, client := pair(t)
		setRead(t, c, time.Now().Add(soon))
		setRead(t, c, then)
		sent := time.AfterFunc(5*soon, func() { _, _ = client.Write([]byte("x")) })
		defer sent.Stop()
		var b [1]byte
		if n, err := c.Read(b[:]); n != 1 || err != nil {
			t.Errorf("put off to %v: read %d bytes, %v", then, n, err)
		}
	}
}

// TestDeadlineHolds: put off again and again, it holds in the end, and not before.
func TestDeadlineHolds(t *testing.T) {
	t.Parallel()
	c, _, _ := pair(t)
	var last time.Time
	for n := range 5 {
		last = time.Now().Add(time.Duration(n+1) * soon)
		setRead(t, c, last)
	}
	n, err := c.Read(make([]byte, 1))
	if n != 0 || !isTimeout(err) {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	if early := time.Until(last); early > 0 {
		t.Errorf("timed out %v too early", early)
	}
}

// TestDeadlineBroughtForward: an earlier one ends a read that waits, as the end of a
// stream does (watch).
func TestDeadlineBroughtForward(t *testing.T) {
	t.Parallel()
	c, _, _ := pair(t)
	setRead(t, c, time.Now().Add(late))
	read := make(chan error, 1)
	go func() { // ends with the deadline, awaited below
		_, err := c.Read(make([]byte, 1))
		read <- err
	}()
	setRead(t, c, time.Unix(1, 0))
	select {
	case err := <-read:
		if !isTimeout(err) {
			t.Error(err)
		}
	case <-time.After(late):
		t.Fatal("the read still waits")
	}
}

// TestDeadlineMeetsTheTimer: one that is set to now while an old timer is being moved on ends
// the read all the same.
func TestDeadlineMeetsTheTimer(t *testing.T) {
	t.Parallel()
	var d deadline
	d.init()
	moves := 0
	move := func(time.Time) error {
		if moves++; moves == 2 {
			d.wanted.Store(int64(time.Since(epoch))) // set has stored it, and found the timer of before
		}
		return nil
	}
	for _, at := range []time.Time{time.Now().Add(-time.Second), time.Now().Add(late)} {
		if err := d.set(at, move); err != nil {
			t.Fatal(err)
		}
	}
	if !d.again(move) || d.armed.Load() != d.wanted.Load() {
		t.Errorf("after %d moves the timer is set to %d, wanted is %d", moves, d.armed.Load(), d.wanted.Load())
	}
}

// TestDeadlineMovesNoTimer: what fasthttp sets with each request costs the runtime nothing.
func TestDeadlineMovesNoTimer(t *testing.T) {
	t.Parallel()
	c, below, _ := pair(t)
	for range 100 {
		setRead(t, c, time.Now().Add(2*late)) // idle
		setRead(t, c, time.Now().Add(late))   // the next request
	}
	if n := below.moved.Load(); n > 2 {
		t.Errorf("the timer was moved %d times", n)
	}
}

// TestDeadlinePutOffMidWrite: a write that an old timer has cut in two arrives whole.
func TestDeadlinePutOffMidWrite(t *testing.T) {
	t.Parallel()
	c, _, client := pair(t)
	if err := c.SetWriteDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(late)); err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("0123456789"), 2<<20) // more than sockets buffer
	got := make(chan []byte, 1)
	read := time.AfterFunc(5*soon, func() {
		b := make([]byte, len(want))
		_, _ = io.ReadFull(client, b)
		got <- b
	})
	defer read.Stop()
	if n, err := c.Write(want); n != len(want) || err != nil {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(want), err)
	}
	if !bytes.Equal(<-got, want) {
		t.Error("other bytes arrived")
	}
}

// cutShort is a connection whose first read meets a timer of before; then the client is done.
type cutShort struct {
	net.Conn
	reads int
}

func (c *cutShort) Read([]byte) (int, error) {
	if c.reads++; c.reads == 1 {
		return 0, os.ErrDeadlineExceeded
	}
	return 0, io.EOF
}

func (c *cutShort) SetReadDeadline(time.Time) error { return nil }
func (c *cutShort) CloseWrite() error               { return nil }

// TestLingerOutlastsAnOldTimer: a refused client is read from for as long as it is given, not
// until the timer of its last request fires.
func TestLingerOutlastsAnOldTimer(t *testing.T) {
	t.Parallel()
	below, own := &cutShort{}, &conn{}
	own.init(below)
	own.linger()
	if below.reads != 2 {
		t.Errorf("read %d times, want the end of what the client sends", below.reads)
	}
	if left := time.Duration(own.reading.wanted.Load()) - time.Since(epoch); left > lingerTime {
		t.Errorf("who sends nothing more is read from for %s", left)
	}
}
