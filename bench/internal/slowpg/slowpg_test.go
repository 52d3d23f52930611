package slowpg

import (
	"bytes"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"ingot/internal/door"
	"ingot/internal/pgtest"
)

const (
	selectComplete = "C\x00\x00\x00\x0dSELECT 1\x00"
	beginComplete  = "C\x00\x00\x00\x0aBEGIN\x00"
	ready          = "Z\x00\x00\x00\x05I"
)

// TestRelayHoldsCommitsAlone checks after which bytes the relay holds, however the
// stream is cut into reads.
func TestRelayHoldsCommitsAlone(t *testing.T) {
	t.Parallel()
	row := "D\x00\x00\x00\x0f" + "COMMIT\x00C\x00\x00\x00" // looks like one, but is data
	stream := beginComplete + selectComplete + row + commitComplete + ready + commitComplete + ready
	want := []int{len(beginComplete + selectComplete + row), len(beginComplete + selectComplete + row + commitComplete + ready)}
	for name, cut := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "halves": iotest.HalfReader,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			var held []int
			err := relay(&out, cut(strings.NewReader(stream)), func() { held = append(held, out.Len()) })
			if err != io.EOF || out.String() != stream {
				t.Fatalf("%v, %q", err, out.String())
			}
			if len(held) != 2 || held[0] != want[0] || held[1] != want[1] {
				t.Errorf("held after %v bytes, want %v", held, want)
			}
		})
	}
}

// TestRelayGathersMessages: an answer of a thousand rows is no thousand writes, also to a client that can read from others,
// as a TCP connection can.
func TestRelayGathersMessages(t *testing.T) {
	t.Parallel()
	rows := strings.Repeat("D\x00\x00\x00\x0f\x00\x01\x00\x00\x00\x05hello", 1000)
	var c counted
	if err := relay(&c, strings.NewReader(rows), func() {}); err != io.EOF || c.String() != rows {
		t.Errorf("%v, %d bytes of %d", err, c.Len(), len(rows))
	}
	if c.writes > 2 {
		t.Errorf("%d writes", c.writes)
	}
}

// counted counts the pieces in which it was written to.
type counted struct {
	bytes.Buffer
	writes int
}

func (c *counted) Write(b []byte) (int, error) { c.writes++; return c.Buffer.Write(b) }

func (c *counted) ReadFrom(r io.Reader) (int64, error) { c.writes++; return c.Buffer.ReadFrom(r) }

func TestRelayRefusesNonsense(t *testing.T) {
	t.Parallel()
	err := relay(io.Discard, strings.NewReader("C\x00\x00\x00\x00......"), func() {})
	if err == nil || err == io.EOF {
		t.Errorf("a message shorter than its own length: %v", err)
	}
}

// TestProxyBeforePostgres commits three times, once in a block and once with other
// statements, and counts how often the proxy held.
func TestProxyBeforePostgres(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	var held atomic.Int32
	p, err := open(url, func(*door.Conn) { held.Add(1) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	conn := pgtest.Client(t, p.URL)
	for _, sql := range []string{"CREATE TABLE t (n int)", "BEGIN", "INSERT INTO t VALUES (1)", "COMMIT", "BEGIN; INSERT INTO t VALUES (2); COMMIT", "BEGIN", "ROLLBACK"} {
		pgtest.Exec(t, conn, sql)
	}
	if rows := pgtest.Number(t, conn, "SELECT count(*) FROM t"); rows != 2 {
		t.Errorf("%d rows", rows)
	}
	if held.Load() != 2 {
		t.Errorf("held %d times, want 2", held.Load())
	}
}

// TestProxyHoldsForTheDelay: each of three commits, for as long as Open was told.
func TestProxyHoldsForTheDelay(t *testing.T) {
	t.Parallel()
	const delay = 50 * time.Millisecond
	url := pgtest.New(t)
	p, err := Open(url, delay)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	conn := pgtest.Client(t, p.URL)
	began := time.Now()
	for range 3 {
		pgtest.Exec(t, conn, "BEGIN; COMMIT")
	}
	if took := time.Since(began); took < 3*delay {
		t.Errorf("three commits took %v", took)
	}
}

func TestProxyCloseEndsConnections(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	p, err := Open(url, 0)
	if err != nil {
		t.Fatal(err)
	}
	conn := pgtest.Client(t, p.URL)
	p.Close()
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the connection outlives the proxy")
	}
}
