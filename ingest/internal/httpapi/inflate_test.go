package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

func gzipOf(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func zstdOf(text string, options ...zstd.EOption) string {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, append(options, zstd.WithEncoderConcurrency(1))...)
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// spaces is a list of no events that inflates to n bytes.
func spaces(n int) string { return "[" + strings.Repeat(" ", n-2) + "]" }

func TestCompressed(t *testing.T) {
	t.Parallel()
	noise := "[" + strings.Repeat(" ", 9<<20) + "]"
	skippable := "\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
	one, two := "["+valid("a")+",", valid("b")+"]"
	for _, c := range []struct {
		name, encoding, body string
		status               int
		kind                 string
		rows                 int
	}{
		{"gzip", "gzip", gzipOf(list(100)), 200, "", 100},
		{"zstd", "zstd", zstdOf(list(100)), 200, "", 100},
		{"zstd with its size in front", "zstd", string(encodeAll(list(100))), 200, "", 100},
		{"the old name of gzip", "X-GZip", gzipOf(valid("a")), 200, "", 1},
		{"case and blanks do not count", " ZSTD ,", zstdOf(valid("a")), 200, "", 1},
		{"exactly the limit, gzip", "gzip", gzipOf(spaces(2 << 20)), 200, "", 0},
		{"one byte more, gzip", "gzip", gzipOf(spaces(2<<20 + 1)), 413, "decompressed-too-large", 0},
		{"exactly the limit, zstd", "zstd", zstdOf(spaces(2 << 20)), 200, "", 0},
		{"one byte more, zstd", "zstd", zstdOf(spaces(2<<20 + 1)), 413, "decompressed-too-large", 0},
		{"gzip of several members", "gzip", gzipOf(one) + gzipOf("") + gzipOf(two), 200, "", 2},
		{"the limit counts over all members", "gzip", gzipOf("["+strings.Repeat(" ", 1<<20)) + gzipOf(strings.Repeat(" ", 1<<20)+"]"), 413, "decompressed-too-large", 0},
		{"zstd of several frames", "zstd", zstdOf(one) + skippable + zstdOf(two) + skippable, 200, "", 2},
		{"the limit counts over all frames", "zstd", zstdOf("["+strings.Repeat(" ", 1<<20)) + zstdOf(strings.Repeat(" ", 1<<20)+"]"), 413, "decompressed-too-large", 0},
		{"what is inflated is not JSON", "gzip", gzipOf("x"), 400, "not-json", 0},
		{"nothing, well compressed", "gzip", gzipOf(""), 400, "not-json", 0},
		{"zstd of only a skippable frame", "zstd", skippable, 400, "not-json", 0},
		{"gzip that is not", "gzip", valid("a"), 400, "not-decompressed", 0},
		{"zstd that is not", "zstd", gzipOf(valid("a")), 400, "not-decompressed", 0},
		{"gzip that is zstd", "gzip", zstdOf(valid("a")), 400, "not-decompressed", 0},
		{"zeros behind gzip", "gzip", gzipOf(valid("a")) + "\x00\x00", 400, "not-decompressed", 0},
		{"an event behind gzip", "gzip", gzipOf(valid("a")) + valid("b"), 400, "not-decompressed", 0},
		{"an event behind zstd", "zstd", zstdOf(valid("a")) + valid("b"), 400, "not-decompressed", 0},
		{"half of a second member", "gzip", gzipOf(valid("a")) + gzipOf(valid("b"))[:30], 400, "not-decompressed", 0},
		{"a checksum of something else, gzip", "gzip", flipped(gzipOf(valid("a")), 8), 400, "not-decompressed", 0},
		{"a checksum of something else, zstd", "zstd", flipped(zstdOf(valid("a")), 1), 400, "not-decompressed", 0},
		{"a window over 8 MiB", "zstd", zstdOf(noise, zstd.WithWindowSize(16<<20)), 415, "unsupported-encoding", 0},
		{"a window of 8 MiB is only too large in the end", "zstd", zstdOf(noise, zstd.WithWindowSize(8<<20)), 413, "decompressed-too-large", 0},
		{"a window over 8 MiB, in the second frame", "zstd", zstdOf(one) + skippable + zstdOf(noise, zstd.WithWindowSize(16<<20)), 415, "unsupported-encoding", 0},
		{"more than the limit in one piece", "zstd", onePiece(9 << 20), 413, "decompressed-too-large", 0},
		{"a frame that claims a terabyte, and has no room for it", "zstd", "\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x00\x00\x01\x00\x00\x01\x00\x00", 400, "not-decompressed", 0},
		{"a block that is larger than its window", "zstd", "\x28\xb5\x2f\xfd\x00\x00\x81\x3e\x00" + strings.Repeat(" ", 2000), 400, "not-decompressed", 0},
		{"a dictionary nobody has", "zstd", "\x28\xb5\x2f\xfd\x21\x07\x01\x09\x00\x00a", 400, "not-decompressed", 0},
		{"many empty members", "gzip", gzipOf("[") + strings.Repeat(gzipOf(""), 20_000) + gzipOf("]"), 200, "", 0},
		{"two layers of gzip", "gzip", gzipOf(gzipOf(valid("a"))), 400, "not-json", 0},
		{"two layers, and said so", "gzip, gzip", gzipOf(gzipOf(valid("a"))), 415, "unsupported-encoding", 0},
		{"deflate", "deflate", "x", 415, "unsupported-encoding", 0},
		{"identity beside gzip", "identity, gzip", gzipOf(valid("a")), 415, "unsupported-encoding", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := open(t)
			a := g.do(t, request{"POST", "/publish?results=none", []string{jsonType, "Content-Encoding: " + c.encoding}, c.body})
			if a.status != c.status || a.kind() != c.kind {
				t.Errorf("got %d %s, want %d %s", a.status, a.body, c.status, c.kind)
			}
			if rows := len(g.publisher.Rows()); rows != c.rows {
				t.Errorf("%d rows, want %d", rows, c.rows)
			}
			stillInflates(t, g)
		})
	}
}

// stillInflates wants every inflater to be back and to work.
func stillInflates(t *testing.T, g *gate) {
	t.Helper()
	for range 2 * cap(g.inflaters) {
		for encoding, body := range map[string]string{"gzip": gzipOf("[]"), "zstd": zstdOf("[]")} {
			if a := g.do(t, request{"POST", "/publish", []string{jsonType, "Content-Encoding: " + encoding}, body}); a.status != 200 {
				t.Errorf("%s afterwards: got %d %s", encoding, a.status, a.body)
			}
		}
	}
}

func encodeAll(text string) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	defer w.Close()
	return w.EncodeAll([]byte(text), nil)
}

// onePiece is a list of no events that has to be decompressed in one piece: its window is its size.
func onePiece(n int) string {
	w, err := zstd.NewWriter(nil, zstd.WithSingleSegment(true), zstd.WithWindowSize(32<<20))
	if err != nil {
		panic(err)
	}
	defer w.Close()
	return string(w.EncodeAll([]byte(spaces(n)), nil))
}

// TestInOnePiece: what is not too large by itself may still want too large a window.
func TestInOnePiece(t *testing.T) {
	t.Parallel()
	s := &Server{inflaters: newInflaters()}
	s.Limits.Decompressed, s.Limits.ReadTimeout, s.budget.max = 10<<20, time.Minute, 1<<30
	for size, want := range map[int]string{
		8 << 20:  "",
		9 << 20:  "a zstd window over 8 MiB is not supported; compress with a smaller one",
		11 << 20: errInflatedTooLarge.Error(),
	} {
		got := ""
		if _, err := s.inflate([]byte(onePiece(size)), zstandard, &account{budget: &s.budget}); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%d MiB: %q, want %q", size>>20, got, want)
		}
	}
}

// TestDamagedIsNotCutOff: a decoder may want more bits than a damaged block has, though the body is all there.
func TestDamagedIsNotCutOff(t *testing.T) {
	t.Parallel()
	s := &Server{inflaters: newInflaters()}
	s.Limits.Decompressed, s.Limits.ReadTimeout, s.budget.max = 1<<20, time.Minute, 1<<30
	whole := zstdOf(list(3))
	for fromEnd := 1; fromEnd <= len(whole)-9; fromEnd++ { // what stands before is the headers of the frame and of its one block
		_, err := s.inflate([]byte(flipped(whole, fromEnd)), zstandard, &account{budget: &s.budget})
		if err == nil || strings.Contains(err.Error(), "truncated") {
			t.Errorf("byte %d of %d from the end: %v", fromEnd, len(whole), err)
		}
	}
	for range cap(s.inflaters) { // a decoder that has left something of the body before
		if _, err := s.inflate(nil, zstandard, &account{budget: &s.budget}); err == nil || !strings.Contains(err.Error(), "truncated") {
			t.Errorf("no byte: %v", err)
		}
	}
}

// flipped changes one bit, at bytes from the end.
func flipped(s string, fromEnd int) string {
	b := []byte(s)
	b[len(b)-fromEnd] ^= 1
	return string(b)
}

// A compressed body that breaks off anywhere, or goes on with anything, stores
// nothing.
func TestCompressedNotWhole(t *testing.T) {
	t.Parallel()
	g := open(t)
	for encoding, whole := range map[string]string{"gzip": gzipOf(list(3)), "zstd": zstdOf(list(3)), "zstd ": string(encodeAll(list(3)))} {
		var bodies []string
		for i := range len(whole) {
			bodies = append(bodies, whole[:i])
		}
		for i := range 24 {
			bodies = append(bodies, whole+strings.Repeat("x", i+1), whole+whole[:i+1])
		}
		w := g.dial(t)
		for i, body := range bodies {
			w.send(request{"POST", "/publish", []string{jsonType, "Content-Encoding: " + encoding}, body}.text())
			if a := w.answer("POST"); a.kind() != "not-decompressed" {
				t.Fatalf("%s, body %d of %d bytes: got %d %s", encoding, i, len(body), a.status, a.body)
			}
		}
	}
	if rows := len(g.publisher.Rows()); rows != 0 {
		t.Errorf("%d rows", rows)
	}
}

// The inflated bytes are paid from the same budget as those that were sent, while
// they come; the peak is what Limits.Peak says.
func TestInflatedBytesArePaid(t *testing.T) {
	t.Parallel()
	for encoding, body := range map[string]string{"gzip": gzipOf(spaces(2 << 20)), "zstd": zstdOf(spaces(2 << 20))} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			g := open(t)
			var waiting int64
			g.publisher.hold = func(event.Group) { waiting = g.budget.used.Load() }
			r := request{"POST", "/publish", []string{jsonType, "Content-Encoding: " + encoding}, body}
			if a := g.do(t, r); a.status != 200 || waiting != 2<<20 {
				t.Errorf("got %d, and %d bytes were held while it waited, want %d", a.status, waiting, 2<<20)
			}
			need := int64(len(body)) + peak(2<<20)
			g.budget.max = need
			if a := g.do(t, r); a.status != 200 {
				t.Errorf("with %d bytes: got %d %s", need, a.status, a.body)
			}
			g.budget.max = need - 1
			if a := g.do(t, r); a.status != 503 || a.kind() != "queue-full" {
				t.Errorf("with %d bytes: got %d %s", need-1, a.status, a.body)
			}
		})
	}
}

// TestInflationHasAnEnd: neither a body that a decoder does not get done with, nor those that wait for it, are at it for ever.
func TestInflationHasAnEnd(t *testing.T) {
	t.Parallel()
	s := &Server{inflaters: newInflaters()}
	s.Limits.Decompressed, s.Limits.ReadTimeout, s.budget.max = 64<<20, time.Nanosecond, 1<<30
	for c, sent := range map[coding]string{gzipped: gzipZeros(1 << 20), zstandard: zstdZeros(1 << 20)} {
		for range 2 { // the decoder is good for the next one
			if _, err := s.inflate([]byte(sent), c, &account{budget: &s.budget}); !errors.Is(err, errInflationTimeout) {
				t.Errorf("%s whose time is over: %v", c, err)
			}
		}
	}
	s.Limits.ReadTimeout = time.Hour
	for c, sent := range map[coding]string{gzipped: gzipZeros(1 << 20), zstandard: zstdZeros(1 << 20)} {
		if got, err := s.inflate([]byte(sent), c, &account{budget: &s.budget}); err != nil || len(got) != 1<<20 {
			t.Errorf("%s: %d bytes, %v", c, len(got), err)
		}
	}
	var ctx fasthttp.RequestCtx
	if s.problemOf(&ctx, errInflationTimeout); ctx.Response.StatusCode() != 408 {
		t.Errorf("the client is told %d", ctx.Response.StatusCode())
	}
	for range cap(s.inflaters) {
		<-s.inflaters
	}
	s.Limits.ReadTimeout = time.Millisecond
	if _, err := s.inflate([]byte(gzipZeros(1)), gzipped, &account{budget: &s.budget}); !errors.Is(err, errNoRoom) {
		t.Errorf("when none is free: %v", err)
	}
}

// TestBomb sends bombs, eight at a time, to a server in a process of its own: each
// is refused, and the process stays small. A bomb is 1 GB of zeros in members of
// 16 MiB, for a server with a quarter of the default limits; or, with INGOT_LONG=1, 10 GB
// in one piece, for one with the default limits.
func TestBomb(t *testing.T) {
	if os.Getenv("INGOT_BOMB_TARGET") != "" {
		t.Skip("this is the other process")
	}
	t.Parallel()
	bombs := map[string]string{
		"gzip": strings.Repeat(gzipZeros(16<<20), 64), "zstd": strings.Repeat(zstdZeros(16<<20), 64),
	}
	if os.Getenv("INGOT_LONG") != "" {
		bombs = map[string]string{"gzip": gzipZeros(10 << 30), "zstd": zstdZeros(10 << 30)}
	}
	server := exec.Command(os.Args[0], "-test.run=^TestBombTarget$", "-test.v")
	server.Env = append(os.Environ(), "INGOT_BOMB_TARGET=1")
	server.Stderr = os.Stderr // goleak speaks there
	stdin, _ := server.StdinPipe()
	stdout, _ := server.StdoutPipe()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	ended := make(chan struct{})
	defer func() {
		_ = stdin.Close()
		<-ended
		if err := server.Wait(); err != nil {
			t.Errorf("the server's process: %v\n%s", err, said.Bytes())
		}
	}()
	g := &gate{address: addressIn(t, stdout)}
	go func() { _, _ = io.Copy(&said, stdout); close(ended) }()
	for encoding, body := range bombs {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				a := g.do(t, request{"POST", "/publish", []string{jsonType, "Content-Encoding: " + encoding}, body})
				if a.kind() != "decompressed-too-large" && a.kind() != "queue-full" {
					t.Errorf("%s: got %d %s", encoding, a.status, a.body)
				}
			})
		}
		wg.Wait()
		a := g.do(t, request{"POST", "/publish", []string{jsonType, "Content-Encoding: " + encoding}, body})
		if a.status != 413 || a.kind() != "decompressed-too-large" {
			t.Errorf("%s, alone: got %d %s", encoding, a.status, a.body)
		}
		t.Logf("%s: a bomb of %d bytes, largest resident size so far %d MiB", encoding, len(body), peakMemory(t, server.Process.Pid)>>20)
	}
	// The collector is told what package main tells it, 352 MiB by default; the race
	// detector multiplies what it watches.
	if rss := peakMemory(t, server.Process.Pid); rss > 600<<20 {
		t.Errorf("the largest resident size was %d MiB", rss>>20)
	}
}

// TestBombTarget is the server of TestBomb: it runs until its standard input ends.
func TestBombTarget(t *testing.T) {
	if os.Getenv("INGOT_BOMB_TARGET") == "" {
		t.Skip("started by TestBomb")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unit := int64(8 << 20)
	if os.Getenv("INGOT_LONG") != "" {
		unit = 32 << 20
	}
	debug.SetMemoryLimit(11 * unit)
	openOn(t, listener, nil, func(l *Limits) { l.Body, l.Decompressed, l.BodiesInFlight = int(unit), int(2*unit), 4*unit })
	fmt.Printf("address %s\n", listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// addressIn reads up to the line with the address.
func addressIn(t *testing.T, r io.Reader) string {
	t.Helper()
	var line []byte
	for one := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, one); err != nil {
			t.Fatalf("the server's process did not start: %v", err)
		}
		if line = append(line, one[0]); one[0] != '\n' {
			continue
		}
		if address, found := strings.CutPrefix(string(line), "address "); found {
			return strings.TrimSpace(address)
		}
		line = nil
	}
}

func gzipZeros(n int64) string {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, err := io.CopyN(w, zeros{}, n)
	if err := errors.Join(err, w.Close()); err != nil {
		panic(err)
	}
	return b.String()
}

func zstdZeros(n int64) string {
	var b bytes.Buffer
	w, _ := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	_, err := io.CopyN(w, zeros{}, n)
	if err := errors.Join(err, w.Close()); err != nil {
		panic(err)
	}
	return b.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// peakMemory is the largest resident size of a process so far, in bytes.
func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("no /proc here")
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	n, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}
