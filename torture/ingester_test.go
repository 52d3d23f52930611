package torture

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ingester is an ingest at one address, over its restarts.
type ingester struct {
	*process
	program string
	address string
	flags   []string
	change  func(*exec.Cmd) // how it is launched
	http    *http.Client
}

// startIngester returns when the ingester is ready.
func startIngester(t testing.TB, flags ...string) *ingester {
	t.Helper()
	return startIngesterAs(t, func(*exec.Cmd) {}, flags...)
}

func startIngesterAs(t testing.TB, change func(*exec.Cmd), flags ...string) *ingester {
	t.Helper()
	i := newIngester(t, binary(t, "ingest"), flags...)
	i.change = change
	i.start(t)
	return i
}

// newIngester does not start it yet.
func newIngester(t testing.TB, program string, flags ...string) *ingester {
	t.Helper()
	i := &ingester{program: program, address: freeAddress(t), flags: flags, change: func(*exec.Cmd) {}, http: &http.Client{
		Timeout:   hang,
		Transport: &http.Transport{MaxIdleConnsPerHost: 1024},
	}}
	t.Cleanup(i.http.CloseIdleConnections)
	return i
}

func (i *ingester) start(t testing.TB) {
	t.Helper()
	i.process = launchAs(t, i.change, i.program, append([]string{"--listen", i.address}, i.flags...)...)
	await(t, "an ingester that is ready", func() bool {
		if i.Ended() {
			t.Fatalf("the ingester did not start: %s", i.said(i.stderr))
		}
		answer, err := i.http.Get(i.url("/readyz"))
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

func (i *ingester) url(path string) string { return "http://" + i.address + path }

// stop is a clean one, or the test fails.
func (i *ingester) stop(t testing.TB) {
	t.Helper()
	i.Signal(syscall.SIGTERM)
	if code := i.wait(); code != 0 {
		t.Errorf("exit code %d after SIGTERM: %s", code, i.said(i.stderr))
	}
}

// logged tells whether the ingester has logged that message.
func (i *ingester) logged(message string) bool {
	return strings.Contains(i.said(i.stderr), fmt.Sprintf(`"msg":%q`, message))
}

// stats is the part of /stats that tests look at.
type stats struct {
	Received       int64            `json:"received"`
	Unique         int64            `json:"unique_processed"`
	Duplicates     int64            `json:"duplicate_dropped"`
	BodiesInFlight int64            `json:"bodies_in_flight_bytes"`
	Topics         map[string]int64 `json:"topics"`
	Queue          struct {
		Events      int   `json:"queued_events"`
		Bytes       int64 `json:"queued_bytes"`
		Parked      int64 `json:"parked_requests"`
		Unexplained int64 `json:"unexplained_requests"`
	}
	Filter struct {
		Keys           int64
		Hits           int64
		FalsePositives int64 `json:"false_positives"`
		LearntInVain   int64 `json:"learnt_in_vain"`
	}
}

// stats fails while the database is away.
func (i *ingester) stats() (s stats, err error) {
	answer, err := i.http.Get(i.url("/stats"))
	if err != nil {
		return s, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return s, fmt.Errorf("/stats answers %s", answer.Status)
	}
	return s, json.NewDecoder(answer.Body).Decode(&s)
}

// awaitStats waits until the figures are so; while there are none they are not.
func (i *ingester) awaitStats(t testing.TB, what string, so func(stats) bool) {
	t.Helper()
	await(t, what, func() bool {
		s, err := i.stats()
		return err == nil && so(s)
	})
}

// status is that of a GET, 0 without an answer.
func (i *ingester) status(path string) int {
	answer, err := i.http.Get(i.url(path))
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// peakMemory is the most memory the process has had resident, in bytes.
func (i *ingester) peakMemory(t testing.TB) int64 {
	t.Helper()
	needProc(t)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatalf("VmHWM: %v", err)
	}
	return kib << 10
}

// freeAddress lies below the ports that the kernel gives out by itself: while an
// ingester is down, a client that dials its port must not be given that very port.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}

// newSeed draws the moments of a test; the log tells it.
func newSeed(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
