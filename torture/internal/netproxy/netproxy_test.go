package netproxy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers with as many bytes as it was sent, and counts the requests.
type server struct {
	*Proxy
	whole  atomic.Int32
	client *http.Client
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{client: &http.Client{Transport: &http.Transport{}}}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.whole.Add(1)
		_, _ = w.Write(body)
	}))
	p, err := Open(h.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.Proxy = p
	t.Cleanup(func() { s.client.CloseIdleConnections(); p.Close(); h.Close() })
	return s
}

// send posts n bytes and returns what came back.
func (s *server) send(n int) (got int, err error) {
	// Of no known type, so that net/http does not send it again by itself.
	body := io.MultiReader(bytes.NewReader(bytes.Repeat([]byte("x"), n)))
	request, err := http.NewRequest("POST", "http://"+s.Address(), body)
	if err != nil {
		return 0, err
	}
	request.ContentLength = int64(n)
	answer, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	return len(all), err
}

const size = 1 << 20

func TestPasses(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for range 3 {
		if n, err := s.send(size); n != size || err != nil {
			t.Errorf("%d %v", n, err)
		}
	}
	if s.Connections() != 1 {
		t.Errorf("%d connections for one client", s.Connections())
	}
}

func TestSwallowAnswers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	armed := s.SwallowAnswers(1)
	if n, err := s.send(10); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("answered with %d bytes, %v", n, err)
	}
	if s.whole.Load() != 1 || !armed.Fired() {
		t.Errorf("arrived %d times, fired: %v", s.whole.Load(), armed.Fired())
	}
}

func TestTimesAndDisarm(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	twice := s.SwallowAnswers(2)
	for range 2 {
		if n, err := s.send(10); err == nil {
			t.Errorf("answered with %d bytes", n)
		}
	}
	<-twice.Done()
	if _, err := s.send(10); err != nil || twice.Count() != 2 {
		t.Errorf("%v, %d times", err, twice.Count())
	}
	never := s.SwallowAnswers(1)
	s.Disarm()
	if _, err := s.send(10); err != nil || never.Fired() {
		t.Errorf("%v, fired: %v", err, never.Fired())
	}
}

func TestDelayAndRefuse(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.Delay(50 * time.Millisecond)
	began := time.Now()
	if _, err := s.send(1); err != nil || time.Since(began) < 100*time.Millisecond {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	s.Refuse()
	if _, err := s.send(1); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("%v", err)
	}
	s.Pass()
	if _, err := s.send(1); err != nil {
		t.Error(err)
	}
}
