package torture

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"ingot/internal/pgtest"
)

// TestStreamsThatStopReading: ten of them are cut off, each behind a place from which
// nothing is missing; a hundred beside them (with INGOT_LONG=1 a thousand) miss nothing.
func TestStreamsThatStopReading(t *testing.T) {
	readers, requests, patience := 100, 30, hang
	if long() {
		readers, patience = 1000, 5*hang // 6 GB, which this process reads and decodes
	}
	const stalled = 10
	server := startServer(t, dataFolder(t), nil)
	// While they read, a request of this process may be on its way for minutes.
	i := startIngester(t, "--database-url="+server.URL(), "--body-timeout="+patience.String(), "--deadline="+patience.String(),
		"--attempt-timeout="+patience.String(), "--stream-heartbeat=200ms", "--stream-stall=3s",
		"--stream-buffer=64", fmt.Sprintf("--max-streams=%d", readers+stalled))
	i.http.Timeout = patience
	f := &feedHouse{url: server.URL(), conn: pgtest.Client(t, server.URL()), ingesters: []*ingester{i}, random: newSeed(t)}
	following, stop := context.WithTimeout(t.Context(), patience)
	defer stop()

	var stopped []*unread
	for range stalled {
		stopped = append(stopped, openUnread(t, i))
	}
	var wait sync.WaitGroup
	for n := range readers {
		r := f.follower(0, fmt.Sprint("reader ", n), streamRound)
		f.all = append(f.all, r)
		wait.Go(func() { // ends when it has seen the last event, or with following
			if err := r.follow(following); err != nil {
				t.Errorf("%s: %v", r.name, err)
			}
		})
	}
	total := 0
	for ; total < requests || !allFree(i, stalled); total++ {
		if a := i.publishBytes(events(total, 10, 20_000)); a.status != http.StatusOK {
			t.Fatal(a)
		}
		if following.Err() != nil {
			t.Fatalf("not cut off after %d requests", total)
		}
		if total >= requests {
			time.Sleep(100 * time.Millisecond) // what fills the buffers in between has been sent
		}
	}
	order := f.order(t)
	f.total.Store(int64(len(order)))
	wait.Wait()
	breaks := 0
	for _, r := range f.all {
		if breaks += r.breaks; !slices.Equal(r.seen, order) {
			t.Errorf("%s saw %d events of %d; they part at %d", r.name, len(r.seen), len(order), parting(r.seen, order))
		}
	}
	t.Logf("%d events, %d readers, which came back %d times", len(order), readers, breaks)
	for n, u := range stopped {
		before := u.rest(t, order)
		again := f.follower(0, fmt.Sprint("stopped ", n), streamRound)
		again.cursor, again.seen = u.place, u.seen
		if err := again.follow(following); err != nil || !slices.Equal(again.seen, order) {
			t.Errorf("%s was cut off behind %d events and then saw %d of %d: %v", again.name, before, len(again.seen), len(order), err)
		}
	}
	i.stop(t)
}

// allFree tells whether so many more streams are let in: those that were cut off make
// room for them.
func allFree(i *ingester, n int) bool {
	for range n {
		got, err := (&http.Client{Transport: i.http.Transport}).Get(i.url("/events/stream"))
		if err != nil {
			return false
		}
		defer got.Body.Close()
		if got.StatusCode != http.StatusOK {
			return false
		}
	}
	return true
}

// unread is a stream of which only the beginning is read for now.
type unread struct {
	conn  net.Conn
	lines *bufio.Reader
	place string
	seen  []string
}

// openUnread bounds what the kernel takes in for it.
func openUnread(t *testing.T, i *ingester) *unread {
	t.Helper()
	conn, err := net.Dial("tcp", i.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(256 << 10) // less than a packet of loopback would take minutes to be read
	_, _ = fmt.Fprintf(conn, "GET /events/stream?after=beginning HTTP/1.1\r\nHost: localhost\r\n\r\n")
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || got.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", got, err)
	}
	u := &unread{conn: conn, lines: bufio.NewReader(got.Body)}
	if err := u.next(); err != nil {
		t.Fatal(err)
	}
	return u
}

func (u *unread) next() error {
	b, err := readBlock(u.lines)
	if err != nil {
		return err
	}
	u.place = b.id
	id, err := b.eventID()
	if id != "" {
		u.seen = append(u.seen, id)
	}
	return err
}

// rest reads what was on its way, up to where the stream was cut off.
func (u *unread) rest(t *testing.T, order []string) int {
	t.Helper()
	_ = u.conn.SetReadDeadline(time.Now().Add(hang))
	for u.next() == nil {
		if len(u.seen) >= len(order) {
			t.Error("a stream that was not read has everything: it was not cut off")
			break
		}
	}
	if !isPrefix(u.seen, order) {
		t.Errorf("before it was cut off it saw something else from %d on", parting(u.seen, order))
	}
	return len(u.seen)
}
