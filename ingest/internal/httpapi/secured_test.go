package httpapi

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ingot/internal/certtest"
)

// overTLS makes open be openTLS.
const overTLS = "INGOT_TEST_OVER_TLS"

// handshakes is what a request has at least in the process of TestOverTLS: its handshake is a part of it, and
// on a busy machine many are under way. Who waits for the end of it does so beside the others.
const handshakes = 30 * time.Second

// TestOverTLS runs the tests again that look at connections rather than at answers: who is gone, what is
// unread or too slow, what a refused client still sends, streams, and the stop.
func TestOverTLS(t *testing.T) {
	t.Parallel()
	if os.Getenv(overTLS) != "" {
		t.Skip("this is the other process")
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.parallel=32",
		"-test.run=^Test(Hostile|ResetWhileWaiting|AnswersUnread|AnswersCount|PagesOnTheirWay.*|Poll.*|Stream.*|Export.*|Shutdown.*|Draining|Panic|.*Expect.*|.*Body|Chunked|ClientLeaves)$")
	again.Env = append(os.Environ(), overTLS+"=1")
	said, err := again.CombinedOutput()
	if passed := bytes.Count(said, []byte("\n--- PASS: ")); err != nil || passed < 20 {
		t.Errorf("%d passed, %v\n%s", passed, err, said)
	}
}

// TestPlainOnATLSPort: a client that forgot the s is told so, and a body that it still sends does not
// take the answer away.
func TestPlainOnATLSPort(t *testing.T) {
	t.Parallel()
	g := openTLS(t)
	for _, sent := range []string{
		healthLine + "\r\n",
		publishOf("x"),
		fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", publishLine, 1<<20, strings.Repeat(" ", 1<<20)),
	} {
		w := g.dialPlain(t)
		go func() { _, _ = io.WriteString(w, sent) }() // ends with the connection
		if a := w.answer("GET"); a.status != 400 || a.kind() != "bad-request" || !strings.Contains(a.body, "https://") {
			t.Errorf("got %d %s", a.status, a.body)
		}
		w.closed()
	}
	if n := g.handshakesFailed.Load(); n != 0 || g.logs.Len() > 0 || len(g.publisher.Rows()) > 0 {
		t.Errorf("%d handshakes failed, logged %v, %d rows", n, g.logs.All(), len(g.publisher.Rows()))
	}
}

// TestHandshakesFail: who scans ports gets no answer to look at, holds no connection for longer than a
// request may take, and writes no line into the log.
func TestHandshakesFail(t *testing.T) {
	t.Parallel()
	g, hasty := openTLS(t), openTLS(t, func(l *Limits) { l.ReadTimeout = time.Second })
	for rule, c := range map[string]struct {
		to   *gate
		sent string
	}{
		"noise":               {g, strings.Repeat("\x00\xff\x80", 100)},
		"half a record":       {hasty, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
		"half a record, HTTP": {hasty, "GE"},
		"a hello of noise":    {g, "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"},
	} {
		w := c.to.dialPlain(t)
		w.send(c.sent)
		said, err := io.ReadAll(w.r)
		if err != nil || len(said) > 0 && said[0] != 0x15 { // nothing, or an alert
			t.Errorf("%s: got %q, %v", rule, said, err)
		}
	}
	old := (&gate{address: g.address, trusts: g.trusts.Clone()}).withVersion(tls.VersionTLS11).dial(t)
	if _, err := old.Write([]byte(healthLine)); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1: %v", err)
	}
	probe := g.dialPlain(t)
	_ = probe.socket().CloseWrite()
	probe.closed()
	for g, want := range map[*gate]int64{g: 3, hasty: 2} {
		for begin := time.Now(); g.handshakesFailed.Load() < want && time.Since(begin) < patience; { // an alert is sent before it counts
			time.Sleep(time.Millisecond)
		}
		if n := g.handshakesFailed.Load(); n != want || g.logs.Len() > 0 {
			t.Errorf("%d handshakes failed, want %d; logged %v", n, want, g.logs.All())
		}
	}
	if a := g.get(t, "/metrics"); a.status != 200 || strings.Contains(a.body, `route="other"`) || !strings.Contains(a.body, "\ningot_http_handshakes_failed_total 3\n") {
		t.Errorf("what had no request counts as answered, or not as failed: %d %s", a.status, a.body)
	}
}

func (g *gate) withVersion(newest uint16) *gate {
	g.trusts.MinVersion, g.trusts.MaxVersion = tls.VersionTLS10, newest
	return g
}

// TestTooManyConnectionsOverTLS: who is one too many is told by an alert, not in plain text, and holds
// up nobody: others are told as well while it says nothing.
func TestTooManyConnectionsOverTLS(t *testing.T) {
	t.Parallel()
	g := openTLS(t, func(l *Limits) { l.Connections = 1 })
	held := g.dial(t)
	held.send(healthLine + "\r\n")
	if a := held.answer("GET"); a.status != 200 {
		t.Fatalf("got %d", a.status)
	}
	for range 3 {
		w := g.dialPlain(t) // a client that waits with its hello: what it gets is what any gets
		if said, err := io.ReadAll(w.r); err != nil || string(said) != turnedAwayTLS {
			t.Errorf("got %q, %v", said, err)
		}
	}
	client, server := net.Pipe()
	go func() { // ends with the pipe; the server reads the hello, so that nothing resets the connection
		_, _ = server.Read(make([]byte, 4096))
		_, _ = io.WriteString(server, turnedAwayTLS)
		_ = server.Close()
	}()
	if err := tls.Client(client, g.trusts).Handshake(); err == nil || !strings.Contains(err.Error(), "remote error") {
		t.Errorf("a client reads the alert as %v", err)
	}
	held.send(healthLine + "Connection: close\r\n\r\n")
	if a := held.answer("GET"); a.status != 200 {
		t.Errorf("the one within the limit: got %d", a.status)
	}
}

// securedPair is a connection with TLS in front of the gate's bookkeeping, and its client; what either
// writes waits until the other reads it.
func securedPair(t *testing.T, within time.Duration) (*conn, *tls.Conn) {
	t.Helper()
	authority := certtest.NewAuthority(t)
	client, server := net.Pipe()
	own := &conn{open: new(atomic.Int64)}
	own.init(server)
	own.secure(&tls.Config{Certificates: []tls.Certificate{authority.Issue(t, time.Now().Add(time.Hour)).Certificate(t)}}, within, new(atomic.Int64))
	return own, tls.Client(client, authority.Client())
}

// TestAHandshakeThatIsNotRead: a client that sends its hello and takes nothing holds a connection no
// longer than one that sends nothing.
func TestAHandshakeThatIsNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		own, client := securedPair(t, time.Second)
		go func() { // ends with the pipe
			_ = client.Handshake()
		}()
		deaf := client.NetConn()
		_ = deaf.SetReadDeadline(time.Unix(1, 0)) // it never reads
		begun := time.Now()
		_, err := own.Read(make([]byte, 1))
		if took := time.Since(begun); !isTimeout(err) || took != time.Second {
			t.Errorf("%v after %v", err, took)
		}
		_, _ = own.Close(), deaf.Close()
	})
}

// TestTheLastWordIsBounded: a stop closes one connection after the other, and a client that reads nothing
// does not hold it up for long.
func TestTheLastWordIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		own, client := securedPair(t, time.Second)
		greeted := make(chan error, 1)
		go func() { // ends with the handshake, awaited below
			_, err := client.Write([]byte("x"))
			greeted <- err
		}()
		if _, err := own.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if err := <-greeted; err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)                             // the time for the handshake is long over
		go func() { _, _ = client.Read(make([]byte, 1)) }() // ends with what is written next
		if _, err := own.Write([]byte("y")); err != nil {
			t.Errorf("the deadline of the handshake holds for what comes later: %v", err)
		}
		if err := own.SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		_ = own.Close()
		if took := time.Since(begun); took != lastWord {
			t.Errorf("it took %v", took)
		}
		_ = client.NetConn().Close()
	})
}

// TestAFarewellIsNoRequest: what a client sends while it is only looked for is not lost, and its farewell is
// told from it.
func TestAFarewellIsNoRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		own, client := securedPair(t, time.Hour)
		go func() { // ends with the pipe
			_, _ = client.Write([]byte("12"))
			time.Sleep(time.Minute) // the look is long over
			_, _ = client.Write([]byte("34"))
			_ = client.Close()
		}()
		_ = own.SetReadDeadline(time.Now().Add(time.Hour))
		for range 2 { // it is there to be read, and then kept
			if own.tls.farewell() {
				t.Error("a request was taken for a farewell")
			}
		}
		got := make([]byte, 4)
		if _, err := io.ReadFull(own, got); err != nil || string(got) != "1234" {
			t.Errorf("read %q, %v", got, err)
		}
		if !own.tls.farewell() {
			t.Error("the farewell was not seen")
		}
		_ = own.Close()
	})
}

// recorded is a connection whose incoming bytes are kept.
type recorded struct {
	net.Conn
	came []byte
}

func (r *recorded) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.came = append(r.came, p[:n]...)
	return n, err
}

// TestTheEndIsSaid: a client of TLS can tell an answer that has ended from one that somebody has cut, however
// the server ends the connection. Before TLS 1.3 the kind of a record can be read without a key.
func TestTheEndIsSaid(t *testing.T) {
	t.Parallel()
	const alert = 0x15
	for rule, c := range map[string]struct {
		send string
		end  func(g *gate)
	}{
		"an answer that is the last": {healthLine + "Connection: close\r\n\r\n", nil},
		"a refusal":                  {publishLine + "Content-Length: 9999999999\r\n\r\n" + strings.Repeat(" ", prefetched), nil},
		"a stop":                     {healthLine + "\r\n", func(g *gate) { _ = g.Shutdown(t.Context()) }},
		"a stream that ends":         {"GET /events/stream HTTP/1.1\r\nHost: gate\r\n\r\n", func(g *gate) { g.Drain() }},
	} {
		g := openTLS(t)
		below := &recorded{Conn: g.dialPlain(t).Conn}
		g.trusts.MaxVersion = tls.VersionTLS12
		client := tls.Client(below, g.trusts)
		if _, err := io.WriteString(client, c.send); err != nil {
			t.Fatal(err)
		}
		if c.end != nil {
			if _, err := client.Read(make([]byte, 1)); err != nil { // the answer is there, so the server is idle, or streams
				t.Fatal(err)
			}
			c.end(g)
		}
		if _, err := io.Copy(io.Discard, client); err != nil {
			t.Errorf("%s: %v", rule, err)
		}
		var last byte
		for rest := below.came; len(rest) >= 5; rest = rest[5+int(rest[3])<<8+int(rest[4]):] {
			last = rest[0]
		}
		if last != alert {
			t.Errorf("%s: the last record is of kind %#x", rule, last)
		}
	}
}
