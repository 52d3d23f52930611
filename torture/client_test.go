package torture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// answer is what came of one request.
type answer struct {
	status     int
	problem    string // the end of a problem's type: queue-full, draining, ..
	retryAfter string
	last       bool  // the server says that it closes the connection
	err        error // no answer
	took       time.Duration
}

// String is how counts and messages name an answer: 200, "503 queue-full", ..
func (a answer) String() string {
	var op *net.OpError
	switch {
	case errors.As(a.err, &op) && op.Op == "dial":
		return "no connection"
	case a.err != nil:
		return "none"
	case a.problem != "":
		return fmt.Sprintf("%d %s", a.status, a.problem)
	}
	return fmt.Sprint(a.status)
}

// publish sends a body of JSON and reads the answer to its end.
func (i *ingester) publish(body io.Reader, length int) answer {
	began := time.Now()
	a := i.send(body, length)
	a.took = time.Since(began)
	return a
}

func (i *ingester) send(body io.Reader, length int) answer {
	request, err := http.NewRequest("POST", i.url("/publish?results=none"), body)
	if err != nil {
		return answer{err: err}
	}
	request.ContentLength = int64(length)
	request.Header.Set("Content-Type", "application/json")
	got, err := i.http.Do(request)
	if err != nil {
		return answer{err: err}
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return answer{err: err}
	}
	a := answer{status: got.StatusCode, retryAfter: got.Header.Get("Retry-After"), last: got.Close}
	if a.status >= 400 {
		var p struct{ Type string }
		_ = json.Unmarshal(text, &p)
		_, _ = fmt.Sscanf(p.Type, "urn:ingot:problem:%s", &a.problem)
	}
	return a
}

func (i *ingester) publishBytes(body []byte) answer {
	return i.publish(bytes.NewReader(body), len(body))
}

// events is the body of a request: n events whose ids begin with the request's
// number and are used by no other.
func events(request, n, payload int) []byte {
	var b bytes.Buffer
	filler := bytes.Repeat([]byte("x"), payload)
	for k := range n {
		fmt.Fprintf(&b, `,{"event_id":"%d-%d","topic":"load","source":"torture","timestamp":"2026-01-01T00:00:00Z","payload":"%s"}`, request, k, filler)
	}
	b.WriteByte(']')
	body := b.Bytes()
	body[0] = '['
	return body
}
