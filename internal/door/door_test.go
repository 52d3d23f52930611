package door

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is an upstream that says what it hears, behind a door that passes it on.
func echo(t *testing.T) *Door {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with the listener, awaited in the cleanup
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }() // ends with the door
		}
	}()
	d, err := Open("tcp", l.Addr().String(), func(c *Conn) {
		c.Go(func() { _, _ = io.Copy(c.Client(), c.Upstream()); c.End() })
		if c.Lag() != nil {
			return
		}
		_, _ = io.Copy(c.Upstream(), c.Client())
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close(); _ = l.Close(); <-done })
	return d
}

func dial(t *testing.T, d *Door) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", d.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func say(t *testing.T, c net.Conn) error {
	t.Helper()
	_, err := c.Write([]byte("hello"))
	if err == nil {
		_, err = io.ReadFull(c, make([]byte, 5))
	}
	return err
}

func TestPassCutClose(t *testing.T) {
	t.Parallel()
	d := echo(t)
	c := dial(t, d)
	if err := say(t, c); err != nil || d.Connections() != 1 {
		t.Fatalf("%v, %d connections", err, d.Connections())
	}
	d.Cut()
	if err := say(t, c); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("after the cut: %v", err)
	}
	if c = dial(t, d); say(t, c) != nil {
		t.Error("a cut is no mood")
	}
	d.Close()
	if say(t, c) == nil || d.Connections() != 0 {
		t.Error("a connection outlives the door")
	}
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	d := echo(t)
	old := dial(t, d)
	if err := say(t, old); err != nil {
		t.Fatal(err)
	}
	d.Refuse()
	if say(t, old) == nil {
		t.Error("the old connection is served")
	}
	if c, err := net.Dial("tcp", d.Address()); err == nil { // else the RST was faster
		if say(t, c) == nil {
			t.Error("a new connection is served")
		}
		_ = c.Close()
	}
	d.Pass()
	if c := dial(t, d); say(t, c) != nil {
		t.Error("served no more")
	}
}

// TestBlackHole: nothing comes, for an old connection as for a new, and what was
// said is answered when it ends.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	d := echo(t)
	old := dial(t, d)
	if err := say(t, old); err != nil {
		t.Fatal(err)
	}
	d.BlackHole()
	for _, c := range []net.Conn{old, dial(t, d)} {
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if err := say(t, c); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%v", err)
		}
		_ = c.SetReadDeadline(time.Time{})
		d.Pass()
		if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
			t.Errorf("after it: %v", err)
		}
		d.BlackHole()
	}
	dial(t, d) // Close ends it as well
}

// TestDelay: a step waits as long as it is told, Pass ends that, and a cut ends the wait.
func TestDelay(t *testing.T) {
	t.Parallel()
	d := echo(t)
	const wait = 50 * time.Millisecond
	d.Delay(wait)
	began := time.Now()
	if err := say(t, dial(t, d)); err != nil || time.Since(began) < wait {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	d.Delay(time.Hour)
	waits := dial(t, d)
	for d.Connections() < 2 {
		time.Sleep(time.Millisecond)
	}
	d.Pass()
	if err := say(t, dial(t, d)); err != nil {
		t.Error(err)
	}
	d.Cut()
	if say(t, waits) == nil {
		t.Error("a connection that waits is not cut")
	}
	d.Delay(-time.Second)
	if err := say(t, dial(t, d)); err != nil {
		t.Error(err)
	}
}

// TestTheWayThroughADoor: what a URL says of the database stays, and what it says of the way there does not.
func TestTheWayThroughADoor(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"postgres://u@localhost:1/db": "postgres://u@HERE/db?sslmode=disable",
		"postgres://u@/db?host=/run&options=-c%20a%3Db&port=5432&sslmode=require": "postgres://u@HERE/db?options=-c%20a%3Db&sslmode=disable",
	} {
		d, through, err := OpenPostgres(given, func(*Conn) {})
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
		if want = strings.Replace(want, "HERE", d.Address(), 1); through != want {
			t.Errorf("%s, want %s", through, want)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	var f Faults[string]
	a, b := f.Add("a", 2), f.Add("b", 0)
	is := func(want string) func(string) bool { return func(s string) bool { return s == want } }
	for _, c := range []struct {
		take string
		ok   bool
	}{{"b", true}, {"b", false}, {"a", true}, {"a", true}, {"a", false}} {
		if got, ok := f.Take(is(c.take)); ok != c.ok || ok && got != c.take {
			t.Errorf("%s: %q %v", c.take, got, ok)
		}
	}
	<-a.Done()
	<-b.Done()
	if a.Count() != 2 || !b.Fired() {
		t.Errorf("%d, %v", a.Count(), b.Fired())
	}
	c := f.Add("c", 1)
	f.Disarm()
	if _, ok := f.Take(is("c")); ok || c.Fired() {
		t.Error("it was taken back")
	}
}
