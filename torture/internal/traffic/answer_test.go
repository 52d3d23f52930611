package traffic

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func list(n int) Request { return Fresh(1, 1, n) }

// TestRead: each answer means what design.md says, and what may not be said is wrong.
func TestRead(t *testing.T) {
	t.Parallel()
	single := list(1)
	single.Form = Single
	id := single.Events[0].Key.ID
	unasked := single
	unasked.All = false
	bad := list(2)
	bad.Events[1].Bad = BadUTF8
	allBad := list(1)
	allBad.Events[0].Bad = BadNUL
	short := list(2)
	short.All = false
	spoilt := list(1)
	spoilt.Spoil = CutShort
	raw := list(1)
	raw.Events[0].Bad = BadRaw
	problem := func(kind string) string { return fmt.Sprintf(`{"type":"urn:ingot:problem:%s"}`, kind) }
	for _, c := range []struct {
		name    string
		r       Request
		status  int
		body    string
		fates   string
		wrong   bool
		settled bool
	}{
		{"single", single, 200, `{"status":"stored","event_id":"` + id + `","topic":"fresh"}`, "[stored]", false, true},
		{"another's answer", single, 200, `{"status":"stored","event_id":"x","topic":"fresh"}`, "[stored]", true, true},
		{"list", list(2), 200, `{"received":2,"stored":1,"duplicates":1,"results":[{"index":0,"status":"stored"},{"index":1,"status":"duplicate"}]}`, "[stored duplicate]", false, true},
		{"list of what is not stored", short, 200, `{"received":2,"stored":1,"duplicates":1,"results":[{"index":1,"status":"duplicate"}]}`, "[stored duplicate]", false, true},
		{"one is missing", list(2), 200, `{"received":2,"results":[{"index":1,"status":"duplicate"}]}`, "[unknown duplicate]", true, false},
		{"of another length", list(2), 200, `{"received":1,"results":[]}`, "[unknown unknown]", true, false},
		{"not JSON", list(1), 200, `oops`, "[unknown]", true, false},
		{"a count that is no number", list(1), 200, `{"received":1,"stored":1,"results":[{"index":0,"status":"stored"}],"invalid":"none"}`, "[unknown]", true, false},
		{"one is bad", bad, 207, `{"received":2,"stored":1,"invalid":1,"results":[{"index":0,"status":"stored"},{"index":1,"status":"invalid"}]}`, "[stored refused]", false, true},
		{"a bad one is taken", bad, 200, `{"received":2,"results":[{"index":0,"status":"stored"},{"index":1,"status":"stored"}]}`, "[stored stored]", true, true},
		{"a good one is refused", list(1), 207, `{"received":1,"results":[{"index":0,"status":"invalid"}]}`, "[refused]", true, true},
		{"a spoilt one is taken", spoilt, 200, `{"received":1,"results":[{"index":0,"status":"stored"}]}`, "[stored]", true, true},
		{"a bad one is taken, and counted", bad, 200, `{"received":2,"stored":2,"results":[{"index":0,"status":"stored"},{"index":1,"status":"stored"}]}`, "[stored stored]", true, true},
		{"the good one is refused, and counted", bad, 207, `{"received":2,"stored":1,"invalid":1,"results":[{"index":0,"status":"invalid"},{"index":1,"status":"stored"}]}`, "[refused stored]", true, true},
		{"a word that means nothing", list(2), 200, `{"received":2,"stored":1,"results":[{"index":0,"status":"stored"},{"index":1,"status":"queued"}]}`, "[stored unknown]", true, false},
		{"single, without a word", unasked, 200, `{"event_id":"` + id + `","topic":"fresh"}`, "[unknown]", true, false},
		{"a spoilt one is taken, and counted", spoilt, 200, `{"received":1,"stored":1,"results":[{"index":0,"status":"stored"}]}`, "[stored]", true, true},
		{"a stored one that is not counted", short, 200, `{"received":2,"stored":1,"results":[]}`, "[stored stored]", true, true},
		{"another's topic", single, 200, `{"status":"stored","event_id":"` + id + `","topic":"x"}`, "[stored]", true, true},
		{"single, some of it", single, 207, `{"status":"stored","event_id":"` + id + `","topic":"fresh"}`, "[stored]", true, true},
		{"fewer than were sent, the rest not listed", short, 200, `{"received":1,"stored":2,"results":[]}`, "[stored stored]", true, true},
		{"all stored, none listed", short, 200, `{"received":2,"stored":2,"results":[]}`, "[stored stored]", false, true},
		{"200 with a bad one", bad, 200, `{"received":2,"stored":1,"invalid":1,"results":[{"index":0,"status":"stored"},{"index":1,"status":"invalid"}]}`, "[stored refused]", true, true},
		{"207 with none", list(2), 207, `{"received":2,"stored":1,"duplicates":1,"results":[{"index":0,"status":"stored"},{"index":1,"status":"duplicate"}]}`, "[stored duplicate]", true, true},
		{"207 of nothing", allBad, 207, `{"received":1,"invalid":1,"results":[{"index":0,"status":"invalid"}]}`, "[refused]", true, true},
		{"a duplicate counted as stored", short, 200, `{"received":2,"stored":2,"results":[{"index":1,"status":"duplicate"}]}`, "[stored duplicate]", true, true},
		{"a stored one counted as a duplicate", short, 200, `{"received":2,"duplicates":2,"results":[{"index":1,"status":"duplicate"}]}`, "[stored duplicate]", true, true},
		{"a duplicate that is not counted", short, 200, `{"received":2,"stored":1,"results":[{"index":1,"status":"duplicate"}]}`, "[stored duplicate]", true, true},
		{"a bad one that is not counted", bad, 207, `{"received":2,"stored":1,"results":[{"index":0,"status":"stored"},{"index":1,"status":"invalid"}]}`, "[stored refused]", true, true},
		{"one is told twice", short, 200, `{"received":2,"stored":1,"duplicates":1,"results":[{"index":1,"status":"stored"},{"index":1,"status":"duplicate"}]}`, "[unknown unknown]", true, false},
		{"one behind the last", short, 200, `{"received":2,"stored":2,"results":[{"index":2,"status":"duplicate"}]}`, "[unknown unknown]", true, false},
		{"one before the first", short, 200, `{"received":2,"stored":2,"results":[{"index":-1,"status":"duplicate"}]}`, "[unknown unknown]", true, false},
		{"spoilt, and told something else", spoilt, 415, problem("unsupported-encoding"), "[refused]", true, true},
		{"spoilt, and busy", spoilt, 503, problem("queue-full"), "[refused]", false, false},
		{"spoilt, and unknown", spoilt, 504, problem("outcome-unknown"), "[unknown]", true, false},
		{"all are bad", allBad, 422, problem("invalid-events"), "[refused]", false, true},
		{"all are said to be bad, one is", bad, 422, problem("invalid-events"), "[refused refused]", true, true},
		{"all are bad, and told something else", allBad, 422, problem("something"), "[refused]", true, true},
		{"too large", list(1), 413, problem("body-too-large"), "[refused]", true, true},
		{"poison that parses, and is said not to", raw, 400, problem("not-utf8"), "[refused]", true, true},
		{"a problem of somebody else", list(2), 503, `{"type":"about:blank"}`, "[refused refused]", true, false},
		{"spoilt", spoilt, 400, problem("not-json"), "[refused]", false, true},
		{"a good one is called spoilt", list(1), 400, problem("not-json"), "[refused]", true, true},
		{"poison that does not parse", raw, 400, problem("not-json"), "[refused]", false, true},
		{"unavailable", list(2), 503, problem("database-unavailable"), "[refused refused]", false, false},
		{"unknown", list(2), 504, problem("outcome-unknown"), "[unknown unknown]", false, false},
		{"a mistake", list(1), 500, problem("internal"), "[unknown]", true, false},
		{"refused for its data", list(1), 422, problem("refused-by-postgres"), "[refused]", false, false},
		{"bad and refused for its data", bad, 422, problem("refused-by-postgres"), "[refused refused]", false, true},
		{"no problem document", list(1), 503, `busy`, "[refused]", true, false},
	} {
		after := ""
		if c.status == 503 {
			after = "1"
		}
		a := c.r.Read(Response{Status: c.status, RetryAfter: after, Body: []byte(c.body)})
		if got := fmt.Sprint(a.Fates); got != c.fates || !strings.HasPrefix(a.Name, fmt.Sprint(c.status)) || (a.Wrong != "") != c.wrong || c.r.Settled(a) != c.settled {
			t.Errorf("%s: %+v, settled %v", c.name, a, c.r.Settled(a))
		}
	}
	r := list(1)
	if a := r.Read(Response{Status: 503, Body: []byte(problem("draining"))}); a.Wrong == "" {
		t.Error("503 without Retry-After is taken for right")
	}
}

// TestClient: one connection while it lasts; an end is an error once, and then there
// is another connection.
func TestClient(t *testing.T) {
	t.Parallel()
	connections := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, got *http.Request) {
		switch got.URL.Path {
		case "/panic":
			panic(http.ErrAbortHandler)
		case "/last":
			w.Header().Set("Connection", "close")
		}
		w.WriteHeader(207)
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) { // called by one goroutine: Serve
		if s == http.StateNew {
			connections++
		}
	}
	server.Start()
	c := Client{Address: server.Listener.Addr().String(), Patience: 10 * time.Second}
	for _, path := range []string{"/", "/", "/panic", "/", "/last", "/"} {
		got, err := c.Exchange(request(path))
		if (err != nil) != (path == "/panic") || err == nil && got.Status != 207 {
			t.Errorf("%s: %+v %v", path, got, err)
		}
	}
	if err := c.Leave(request("/"), 5); err != nil || c.Open() {
		t.Errorf("leave: %v", err)
	}
	server.Close()
	if connections != 3 {
		t.Errorf("%d connections, want 3", connections)
	}
	if _, err := c.Exchange(request("/")); !errors.Is(err, ErrNotSent) {
		t.Errorf("nobody listens: %v", err)
	}
	if err := c.Leave(request("/"), 5); !errors.Is(err, ErrNotSent) {
		t.Errorf("nobody listens: %v", err)
	}
	c.Close() // what is not open
}

func request(path string) []byte {
	return []byte(strings.ReplaceAll("POST "+path+" HTTP/1.1\nHost: x\nContent-Length: 0\n\n", "\n", "\r\n"))
}

// TestClientIsCutShort: half an answer is none, nor is one that does not come in time, and who leaves resets the connection.
func TestClientIsCutShort(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	left := make(chan error, 1)
	go func() { // ends once the client has left its third connection
		for _, answer := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""} {
			conn, err := listener.Accept()
			if err != nil {
				left <- err
				return
			}
			_ = conn.SetDeadline(time.Now().Add(time.Minute)) // many times what it takes
			if answer != "" {
				_, _ = io.ReadFull(conn, make([]byte, len(request("/"))))
				_, _ = io.WriteString(conn, answer)
			}
			if !strings.HasSuffix(answer, "half") {
				_, err = io.Copy(io.Discard, conn)
			}
			_ = conn.Close()
			if answer == "" {
				left <- err
			}
		}
	}()
	c := Client{Address: listener.Addr().String(), Patience: time.Minute}
	if got, err := c.Exchange(request("/")); err == nil || c.Open() {
		t.Errorf("half an answer: %+v", got)
	}
	if _, err := c.Exchange(request("/")); err != nil {
		t.Error(err)
	}
	c.Patience = time.Millisecond
	if got, err := c.Exchange(request("/")); !errors.Is(err, os.ErrDeadlineExceeded) || c.Open() {
		t.Errorf("no answer: %+v, %v", got, err)
	}
	c.Patience = time.Minute
	if err := c.Leave(request("/"), 5); err != nil {
		t.Error(err)
	}
	if err := <-left; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server saw %v", err)
	}
}
