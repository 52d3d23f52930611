package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// hostileCase is what somebody sends on a connection of his own, and what comes
// back: the statuses in order, then "open" (another request is answered) or
// "closed". stored is how many events of it are kept.
type hostileCase struct {
	rule, send, want string
	stored           int
}

const (
	publishLine = "POST /publish HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\n"
	healthLine  = "GET /healthz HTTP/1.1\r\nHost: gate\r\n"
	chunkedList = "2\r\n[]\r\n0\r\n\r\n"
)

// publishOf is a whole, good request to store one event.
func publishOf(id string) string {
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", publishLine, len(valid(id)), valid(id))
}

var hostileCases = []hostileCase{
	// Where a request ends. What follows in the same packet is a stowaway: it counts
	// as stored if it is ever taken for a request.
	{"Content-Length beside chunked", publishLine + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + chunkedList + stowaway, "400 closed", 0},
	{"chunked beside Content-Length", publishLine + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n" + chunkedList + stowaway, "400 closed", 0},
	{"the same in other letters", publishLine + "tRANSFER-eNCODING: CHUNKED\r\ncONTENT-lENGTH: 2\r\n\r\n" + chunkedList + stowaway, "400 closed", 0},
	{"Content-Length twice, the same", publishLine + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n[]" + stowaway, "400 closed", 0},
	{"Content-Length twice, different", publishLine + "Content-Length: 2\r\nContent-Length: 200\r\n\r\n[]" + stowaway, "400 closed", 0},
	{"Content-Length as a list", publishLine + "Content-Length: 2, 2\r\n\r\n[]" + stowaway, "400 closed", 0},
	{"Content-Length with a sign", publishLine + "Content-Length: +2\r\n\r\n[]" + stowaway, "400 closed", 0},
	{"a negative Content-Length", publishLine + "Content-Length: -2\r\n\r\n[]" + stowaway, "400 closed", 0},
	{"a hexadecimal Content-Length", publishLine + "Content-Length: 0x2\r\n\r\n[]" + stowaway, "400 closed", 0},
	{"a Content-Length of two words", publishLine + "Content-Length: 2 2\r\n\r\n[]" + stowaway, "400 closed", 0},
	{"a Content-Length out of any range", publishLine + "Content-Length: 99999999999999999999\r\n\r\n[]" + stowaway, "400 closed", 0},
	{"an empty Content-Length", publishLine + "Content-Length:\r\n\r\n[]" + stowaway, "400 closed", 0},
	{"blanks around Content-Length are no harm", publishLine + "Content-Length: \t2 \r\n\r\n[]", "200 open", 0},
	{"a Content-Length larger than a body may be", publishLine + "Content-Length: 9999999999\r\n\r\n" + strings.Repeat("x", 20_000), "413 closed", 0},
	{"Transfer-Encoding: identity", publishLine + "Transfer-Encoding: identity\r\n\r\n" + stowaway, "400 closed", 0},
	{"identity beside Content-Length", publishLine + "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n[]" + stowaway, "400 closed", 0},
	{"Transfer-Encoding: gzip, chunked", publishLine + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunkedList + stowaway, "400 closed", 0},
	{"Transfer-Encoding: chunked, chunked", publishLine + "Transfer-Encoding: chunked, chunked\r\n\r\n" + chunkedList + stowaway, "400 closed", 0},
	{"Transfer-Encoding: xchunked", publishLine + "Transfer-Encoding: xchunked\r\n\r\n" + chunkedList + stowaway, "400 closed", 0},
	{"Transfer-Encoding twice", publishLine + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunkedList + stowaway, "400 closed", 0},
	{"Transfer-Encoding twice, one identity", publishLine + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n" + chunkedList + stowaway, "400 closed", 0},
	{"a blank before the colon", publishLine + "Transfer-Encoding : chunked\r\n\r\n" + chunkedList + stowaway, "400 closed", 0},
	{"a folded Transfer-Encoding", publishLine + "Transfer-Encoding:\r\n chunked\r\n\r\n" + chunkedList + stowaway, "400 closed", 0},
	{"a vertical tab before chunked", publishLine + "Transfer-Encoding: \x0bchunked\r\n\r\n" + chunkedList + stowaway, "400 closed", 0},
	{"an empty Transfer-Encoding", publishLine + "Transfer-Encoding:\r\nContent-Length: 2\r\n\r\n[]" + stowaway, "400 closed", 0},
	{"chunked in HTTP/1.0", strings.Replace(publishLine, "1.1", "1.0", 1) + "Transfer-Encoding: chunked\r\n\r\n" + chunkedList + stowaway, "400 closed", 0},
	{"Chunked with a capital is chunked", publishLine + "Transfer-Encoding: Chunked\r\n\r\n" + chunkedList, "200 open", 0},
	{"a chunk size in C's hexadecimal", publishLine + "Transfer-Encoding: chunked\r\n\r\n0x2\r\n[]\r\n0\r\n\r\n" + stowaway, "400 closed", 0},
	{"a chunk size ended by a bare line feed", publishLine + "Transfer-Encoding: chunked\r\n\r\n2\n[]\r\n0\r\n\r\n" + stowaway, "400 closed", 0},
	{"a chunk extension with a line feed in it", publishLine + "Transfer-Encoding: chunked\r\n\r\n2;a=\nb\r\n[]\r\n0\r\n\r\n" + stowaway, "400 closed", 0},
	{"a chunk ended by something else", publishLine + "Transfer-Encoding: chunked\r\n\r\n2\r\n[]XX0\r\n\r\n" + stowaway, "400 closed", 0},
	{"a trailer that speaks of length", publishLine + "Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\nContent-Length: 500\r\n\r\n" + stowaway, "400 closed", 0},
	{"a GET with a body", healthLine + "Content-Length: 2\r\n\r\n[]", "200 open", 0},
	{"a GET with a body that is a request", healthLine + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(stowaway)) + stowaway, "200 open", 0},
	{"a GET with a chunked body that is a request", healthLine + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n", len(stowaway)) + stowaway + "\r\n0\r\n\r\n", "200 closed", 0},
	{"a POST that says nothing of its body", publishLine + "\r\n", "400 open", 0},

	// What is not HTTP/1.1.
	{"HTTP/0.9", "GET /healthz\r\n\r\n", "400 closed", 0},
	{"HTTP/1.0 is answered and closed", "GET /healthz HTTP/1.0\r\n\r\n", "200 closed", 0},
	{"HTTP/1.0 that wants to go on", "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200 open", 0},
	{"HTTP/2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 closed", 0},
	{"a version nobody has", "GET /healthz HTTP/9.9\r\nHost: gate\r\n\r\n", "400 closed", 0},
	{"TLS on a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x01", 500) + "\n", "400 closed", 0},
	{"a line of SMTP", "EHLO example.com\r\nMAIL FROM:<a@example.com>\r\n\r\n", "400 closed", 0},
	{"empty lines before a request are passed over", "\r\n\r\n" + healthLine + "\r\n", "200 open", 0},
	{"no method", " /healthz HTTP/1.1\r\nHost: gate\r\n\r\n", "400 closed", 0},
	{"a method that is no token", "G@T /healthz HTTP/1.1\r\nHost: gate\r\n\r\n", "400 closed", 0},
	{"two blanks in the request line", "GET  /healthz HTTP/1.1\r\nHost: gate\r\n\r\n", "400 closed", 0},

	// Lines of the header.
	{"no Host", "GET /healthz HTTP/1.1\r\n\r\n", "400 closed", 0},
	{"two Hosts", healthLine + "Host: other\r\n\r\n", "400 closed", 0},
	{"a Host that is none", "GET /healthz HTTP/1.1\r\nHost: [::1\r\n\r\n", "400 closed", 0},
	{"a line without a colon", healthLine + "nonsense\r\n\r\n", "400 closed", 0},
	{"a line without a name", healthLine + ": x\r\n\r\n", "400 closed", 0},
	{"a name with a blank", healthLine + "a b: x\r\n\r\n", "400 closed", 0},
	{"a NUL in a value", healthLine + "A: x\x00y\r\n\r\n", "400 closed", 0},
	{"a carriage return in a value", healthLine + "A: x\ry\r\n\r\n", "400 closed", 0},
	{"a request id that would split the answer", healthLine + "X-Request-Id: a\rb\r\n\r\n", "400 closed", 0},
	{"one huge line", healthLine + "A: " + strings.Repeat("x", 100_000) + "\r\n\r\n", "431 closed", 0},
	{"many small lines", healthLine + strings.Repeat("A: x\r\n", 10_000) + "\r\n", "431 closed", 0},
	{"a huge path", "GET /" + strings.Repeat("x", 100_000) + " HTTP/1.1\r\nHost: gate\r\n\r\n", "431 closed", 0},
	{"as many fields as may be", healthLine + strings.Repeat("A: x\r\n", maxFields-1) + "\r\n", "200 open", 0},
	{"one field more", healthLine + strings.Repeat("A: x\r\n", maxFields) + "\r\n", "431 closed", 0},
	{"one field more, and a body", publishLine + strings.Repeat("A: x\r\n", maxFields) + "Content-Length: 2\r\n\r\n[]", "431 closed", 0},
	{"a trailer with as many fields as are left", publishLine + "Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n" + strings.Repeat("A: x\r\n", maxFields-strings.Count(publishLine, "\n")) + "\r\n", "200 open", 0},
	{"a trailer with one field more", publishLine + "Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n" + strings.Repeat("A: x\r\n", maxFields-strings.Count(publishLine, "\n")+1) + "\r\n" + stowaway, "431 closed", 0},
	{"cookies are no fields", publishLine + "Cookie: " + strings.Repeat("a;", maxFields+1) + "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunkedList, "200 open", 0},
	{"as many announced fields as may be", healthLine + "Trailer: " + names(maxFields) + "\r\n\r\n", "200 open", 0},
	{"one announced field more", healthLine + "Trailer: " + names(maxFields+1) + "\r\n\r\n" + stowaway, "431 closed", 0},
	{"as many parameters as may be", strings.Replace(healthLine, " HTTP", "?"+strings.Repeat("a&", maxParameters-1)+" HTTP", 1) + "\r\n", "200 open", 0},
	{"one parameter more", strings.Replace(healthLine, " HTTP", "?"+strings.Repeat("a&", maxParameters)+" HTTP", 1) + "\r\n" + stowaway, "431 closed", 0},
	{"an upgrade nobody asked for", healthLine + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", "200 open", 0},
	{"an expectation nobody knows", publishLine + "Expect: the-impossible\r\nContent-Length: 2\r\n\r\n[]", "200 open", 0},
	{"close is a word", healthLine + "Connection: close\r\n\r\n" + stowaway, "200 closed", 0},
	{"close with a capital", healthLine + "Connection: Close\r\n\r\n" + stowaway, "200 closed", 0},
	{"close in a list", healthLine + "Connection: TE, close\r\n\r\n" + stowaway, "200 closed", 0},
	{"close before another word", healthLine + "Connection: close\t,TE\r\n\r\n" + stowaway, "200 closed", 0},
	{"close on a line before another", healthLine + "Connection: close\r\nConnection: TE\r\n\r\n" + stowaway, "200 closed", 0},
	{"close and keep-alive in HTTP/1.0", "GET /healthz HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n" + stowaway, "200 closed", 0},
	{"close as a part of a word", healthLine + "Connection: closed, enclose\r\n\r\n", "200 open", 0},

	// Paths: routes are compared with what was sent.
	{"two slashes", "POST //publish HTTP/1.1\r\n" + publishOf("x")[len("POST /publish HTTP/1.1\r\n"):], "404 open", 0},
	{"up and down", "GET /x/../healthz HTTP/1.1\r\nHost: gate\r\n\r\n", "404 open", 0},
	{"up from a double slash", "GET //../healthz HTTP/1.1\r\nHost: gate\r\n\r\n", "404 open", 0},
	{"encoded dots", "GET /x/%2e%2e/healthz HTTP/1.1\r\nHost: gate\r\n\r\n", "404 open", 0},
	{"an encoded letter", "GET /%68ealthz HTTP/1.1\r\nHost: gate\r\n\r\n", "404 open", 0},
	{"an encoded slash", "GET /..%2fhealthz HTTP/1.1\r\nHost: gate\r\n\r\n", "404 open", 0},
	{"an encoded NUL", "GET /healthz%00 HTTP/1.1\r\nHost: gate\r\n\r\n", "404 open", 0},
	{"a slash at the end", "GET /healthz/ HTTP/1.1\r\nHost: gate\r\n\r\n", "404 open", 0},
	{"a parameter of the path", "GET /healthz;a=b HTTP/1.1\r\nHost: gate\r\n\r\n", "404 open", 0},
	{"backslashes", "GET /\\healthz HTTP/1.1\r\nHost: gate\r\n\r\n", "404 open", 0},
	{"no slash", "GET healthz HTTP/1.1\r\nHost: gate\r\n\r\n", "400 closed", 0},
	{"absolute-form", "GET http://gate/healthz HTTP/1.1\r\nHost: gate\r\n\r\n", "200 open", 0},
	{"absolute-form of another host", "GET http://other/healthz HTTP/1.1\r\nHost: gate\r\n\r\n", "200 open", 0},
	{"absolute-form with dots", "GET http://gate/x/../healthz HTTP/1.1\r\nHost: gate\r\n\r\n", "404 open", 0},
	{"absolute-form in a parameter is no path", "GET /events?source=://gate/healthz&x=y HTTP/1.1\r\nHost: gate\r\n\r\n", "400 open", 0},
	{"authority-form", "CONNECT gate:80 HTTP/1.1\r\nHost: gate\r\n\r\n", "404 open", 0},
	{"asterisk-form", "OPTIONS * HTTP/1.1\r\nHost: gate\r\n\r\n", "204 open", 0},
	{"asterisk-form with a body", "OPTIONS * HTTP/1.1\r\nHost: gate\r\nContent-Length: 2\r\n\r\n[]", "204 open", 0},
	{"asterisk-form of another method", "GET * HTTP/1.1\r\nHost: gate\r\n\r\n" + stowaway, "400 closed", 0},
	{"an asterisk as a path", "OPTIONS /* HTTP/1.1\r\nHost: gate\r\n\r\n", "404 open", 0},
	{"a control character in the path", "GET /heal\x01thz HTTP/1.1\r\nHost: gate\r\n\r\n", "400 closed", 0},
	{"a fragment", "GET /healthz#x HTTP/1.1\r\nHost: gate\r\n\r\n", "200 open", 0},

	// Methods.
	{"TRACE", "TRACE /healthz HTTP/1.1\r\nHost: gate\r\n\r\n", "405 open", 0},
	{"a method in small letters", "get /healthz HTTP/1.1\r\nHost: gate\r\n\r\n", "405 open", 0},
	{"a very long method", strings.Repeat("X", 5000) + " /healthz HTTP/1.1\r\nHost: gate\r\n\r\n", "405 open", 0},
	{"a method override is not heard", healthLine + "X-HTTP-Method-Override: POST\r\n\r\n", "200 open", 0},

	// Pipelining: one after the other, in order, whatever stands between.
	{"requests in a row", strings.Repeat(healthLine+"\r\n", 50), strings.Repeat("200 ", 50) + "open", 0},
	{"events in a row", publishOf("row1") + publishOf("row2") + publishOf("row1"), "200 200 200 open", 2},
	{"a refusal in the middle", publishOf("mid1") + "GET /nothing HTTP/1.1\r\nHost: gate\r\n\r\n" + publishOf("mid2"), "200 404 200 open", 2},
	{"nothing behind a request that cannot be read", publishOf("end1") + "nonsense\r\n\r\n" + publishOf("end2"), "200 400 closed", 1},

	// What stops half-way is given its time, and no more.
	{"not a byte", "", "408 closed", 0},
	{"half a request line", "GET /hea", "408 closed", 0},
	{"half a header", healthLine + "A: ", "408 closed", 0},
	{"a header without a body", publishLine + "Content-Length: 10\r\n\r\n", "408 closed", 0},
	{"half a body", publishLine + "Content-Length: 100000\r\n\r\n" + strings.Repeat(" ", 20_000), "408 closed", 0},
	{"half a chunk", publishLine + "Transfer-Encoding: chunked\r\n\r\n100\r\n[", "408 closed", 0},
	{"half a second request", publishOf("half1") + "POST /pub", "200 408 closed", 1},
	{"idle after a request is no offence", healthLine + "\r\n", "200 idle", 0},
}

// names is a list of so many names of fields.
func names(n int) string {
	list := "F0"
	for i := 1; i < n; i++ {
		list += fmt.Sprintf(",F%d", i)
	}
	return list
}

func TestHostile(t *testing.T) {
	t.Parallel()
	if len(hostileCases) < 60 {
		t.Fatalf("%d cases", len(hostileCases))
	}
	patient, hasty := open(t), open(t, func(l *Limits) { l.ReadTimeout, l.IdleTimeout = 2*time.Second, 3*time.Second })
	stored := map[*gate]int{patient: 0, hasty: 0}
	t.Run("case", func(t *testing.T) {
		for _, c := range hostileCases {
			g := patient
			if strings.Contains(c.want, "408") || strings.Contains(c.want, "idle") {
				g = hasty // for whom it is of no use to wait
			}
			stored[g] += c.stored
			t.Run(c.rule, func(t *testing.T) {
				t.Parallel()
				c.run(t, g)
			})
		}
	})
	for g, stored := range stored {
		if rows := len(g.publisher.Rows()); rows != stored {
			t.Errorf("%d rows, want %d", rows, stored)
		}
		if a := g.post(t, "/publish", valid("afterwards")); a.body != `{"status":"stored","event_id":"afterwards","topic":"t"}` {
			t.Errorf("afterwards: got %d %s", a.status, a.body)
		}
		if n := g.rejected.Load(); n != 0 {
			t.Errorf("%d events were counted as invalid", n)
		}
	}
}

func (c hostileCase) run(t *testing.T, g *gate) {
	w := g.dial(t)
	go func() { _, _ = io.WriteString(w, c.send) }() // ends with the connection
	method, _, _ := strings.Cut(c.send, " ")
	if method != "HEAD" {
		method = "GET"
	}
	var got []string
	for _, want := range strings.Fields(c.want) {
		switch want {
		case "open":
			w.send(request{method: "GET", target: "/last"}.text())
			if a := w.answer("GET"); a.status != 404 || a.header.Get("X-Request-Id") != "golden" {
				t.Errorf("the next request: got %d %s", a.status, a.body)
			}
		case "closed", "idle": // idle is closed in the end, without a word
			w.closed()
		default:
			a, err := w.next(method)
			if err != nil {
				t.Fatalf("after %v: %v", got, err)
			}
			if got = append(got, fmt.Sprint(a.status)); got[len(got)-1] != want {
				t.Fatalf("got %v (%s), want %s", got, a.body, c.want)
			}
		}
	}
}

// A client that leaves while its answer is on the way costs nobody else anything,
// and what it sent whole is stored.
func TestResetWhileWaiting(t *testing.T) {
	t.Parallel()
	g := open(t)
	for i := range 50 {
		w := g.dial(t)
		w.send(publishOf(fmt.Sprintf("reset%d", i)))
		_ = w.socket().SetLinger(0)
		_ = w.Close()
	}
	half := g.dial(t)
	half.send(publishOf("half-closed"))
	if err := half.socket().CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if a := half.answer("POST"); a.status != 200 {
		t.Errorf("a client that has only finished sending: got %d %s", a.status, a.body)
	}
}

// A client that sends without end and reads nothing is not read without end: it is
// cut off when its answer cannot be written.
func TestAnswersUnread(t *testing.T) {
	t.Parallel()
	g := open(t, func(l *Limits) { l.WriteTimeout = 200 * time.Millisecond })
	w := g.dial(t)
	requests := strings.Repeat(healthLine+"\r\n", 10_000)
	var err error
	for sent := 0; err == nil; sent += len(requests) {
		if sent > 1<<30 {
			t.Fatal("a gigabyte was read from a client that reads nothing")
		}
		_, err = io.WriteString(w, requests)
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the server did not hang up: %v", err)
	}
	if a := g.get(t, "/healthz"); a.status != 200 {
		t.Errorf("another client: got %d", a.status)
	}
}

// Connections beyond the limit are told so; those within it work on, and a place
// that becomes free can be taken.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	const limit = 20
	g := open(t, func(l *Limits) { l.Connections = limit })
	var held []*wire
	for range limit {
		w := g.dial(t)
		w.send(healthLine + "\r\n")
		if a := w.answer("GET"); a.status != 200 {
			t.Fatalf("got %d", a.status)
		}
		held = append(held, w)
	}
	for range 5 {
		w := g.dial(t)
		if a := w.answer("GET"); a.status != 503 || a.kind() != "too-many-connections" {
			t.Errorf("got %d %s", a.status, a.body)
		}
		w.closed()
	}
	for _, w := range held {
		w.send(healthLine + "Connection: close\r\n\r\n")
		if a := w.answer("GET"); a.status != 200 {
			t.Errorf("a connection within the limit: got %d", a.status)
		}
		w.closed()
	}
	for begin := time.Now(); g.connections.Load() == limit && time.Since(begin) < patience; {
		time.Sleep(time.Millisecond) // a connection is closed before its place is free
	}
	if a := g.get(t, "/healthz"); a.status != 200 {
		t.Errorf("afterwards: got %d", a.status)
	}
}
