package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	idleClients = 5000
	slowClients = 500
)

// TestCrowd: 5,000 connections that say nothing and 500 that send a body byte by
// byte stand beside a normal publisher. All of the publisher's events are stored
// and told so; then the idle ones ask for something and the slow ones come to
// their end, and each is answered. With INGOT_LONG=1 the publisher's throughput with
// and without the crowd is measured and logged.
func TestCrowd(t *testing.T) {
	if os.Getenv("INGOT_CROWD_TARGET") != "" {
		t.Skip("this is the other process")
	}
	// Not parallel: it opens thousands of descriptors, and the long run measures.
	g := open(t, func(l *Limits) {
		l.Connections = 8000
		l.ReadTimeout, l.IdleTimeout = 5*time.Minute, 5*time.Minute
	})
	p := &normalPublisher{gate: g}
	p.publish(t, 200)
	if os.Getenv("INGOT_LONG") != "" {
		p.measure(t)
	}
	crowd := startCrowd(t, g.address)
	p.publish(t, 200)
	if answered := crowd.finish(t); answered != fmt.Sprintf("answered %d %d\n", idleClients, slowClients) {
		t.Errorf("the crowd says %q", answered)
	}
	if rows, want := len(g.publisher.Rows()), p.sent+p.slow+slowClients; rows != want {
		t.Errorf("%d rows, want %d", rows, want)
	}
}

// normalPublisher sends lists of 100 new events, one after the other, and wants
// each of them stored.
type normalPublisher struct {
	*gate
	sent int
	slow int // events that crowds have sent besides
}

func (p *normalPublisher) publish(t *testing.T, requests int) {
	t.Helper()
	w := p.dial(t)
	_ = w.SetDeadline(time.Now().Add(5 * time.Minute))
	for range requests {
		events := make([]string, 100)
		for i := range events {
			events[i] = valid(fmt.Sprintf("normal%d", p.sent))
			p.sent++
		}
		w.send(request{"POST", "/publish", []string{jsonType}, "[" + strings.Join(events, ",") + "]"}.text())
		if a := w.answer("POST"); a.body != `{"received":100,"stored":100,"duplicates":0,"invalid":0,"results":[]}` {
			t.Fatalf("got %d %s", a.status, a.body)
		}
	}
}

// rate sends 100 events again and again for two seconds, to be forgotten, and
// returns the events per second.
func (p *normalPublisher) rate(t *testing.T) float64 {
	t.Helper()
	events := make([]string, 100)
	for i := range events {
		events[i] = valid(fmt.Sprintf("normal%d", i))
	}
	text := request{"POST", "/publish?results=none", []string{jsonType}, "[" + strings.Join(events, ",") + "]"}.text()
	w := p.dial(t)
	_ = w.SetDeadline(time.Now().Add(time.Minute))
	p.publisher.forget.Store(true)
	defer p.publisher.forget.Store(false)
	n, start := 0, time.Now()
	for ; time.Since(start) < 2*time.Second; n += 100 {
		w.send(text)
		if a := w.answer("POST"); a.status != 200 {
			t.Fatalf("got %d %s", a.status, a.body)
		}
	}
	return float64(n) / time.Since(start).Seconds()
}

// measure sets each round beside the crowd between two without it: figures of
// different minutes cannot be compared.
func (p *normalPublisher) measure(t *testing.T) {
	var ratios []float64
	before := p.rate(t)
	for range 9 {
		crowd := startCrowd(t, p.address)
		beside, memory := p.rate(t), peakMemory(t, os.Getpid())
		crowd.finish(t)
		p.slow += slowClients
		after := p.rate(t)
		ratios = append(ratios, 2*beside/(before+after))
		t.Logf("events/s: %.0f alone, %.0f beside the crowd, %.0f alone; largest resident size %d MiB", before, beside, after, memory>>20)
		before = after
	}
	slices.Sort(ratios)
	t.Logf("beside the crowd / alone: median %.2f of %.2f", ratios[len(ratios)/2], ratios)
}

// crowd is the process of the other clients.
type crowd struct {
	process *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
}

// startCrowd returns when every client of the crowd is in its place.
func startCrowd(t *testing.T, address string) *crowd {
	t.Helper()
	process := exec.Command(os.Args[0], "-test.run=^TestCrowdTarget$", "-test.v")
	process.Env = append(os.Environ(), "INGOT_CROWD_TARGET="+address)
	process.Stderr = os.Stderr
	stdin, _ := process.StdinPipe()
	stdout, _ := process.StdoutPipe()
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	c := &crowd{process, stdin, bufio.NewReader(stdout)}
	c.line(t, "ready")
	return c
}

// line reads up to a line with that beginning.
func (c *crowd) line(t *testing.T, start string) string {
	t.Helper()
	for {
		line, err := c.stdout.ReadString('\n')
		if err != nil {
			t.Fatalf("the crowd is gone: %v", err)
		}
		if strings.HasPrefix(line, start) {
			return line
		}
	}
}

// finish lets the crowd come to its end and returns what it counted.
func (c *crowd) finish(t *testing.T) string {
	t.Helper()
	_ = c.stdin.Close()
	answered := c.line(t, "answered")
	_, _ = io.Copy(io.Discard, c.stdout)
	if err := c.process.Wait(); err != nil {
		t.Errorf("the crowd's process: %v", err)
	}
	return answered
}

// TestCrowdTarget is the crowd of TestCrowd, until its standard input ends.
func TestCrowdTarget(t *testing.T) {
	address := os.Getenv("INGOT_CROWD_TARGET")
	if address == "" {
		t.Skip("started by TestCrowd")
	}
	end := make(chan struct{})
	var placed, done sync.WaitGroup
	idle, slow := newTally(), newTally()
	for i := range idleClients {
		placed.Add(1)
		done.Go(func() { idle.count(beIdle(address, i, placed.Done, end)) })
	}
	for i := range slowClients {
		placed.Add(1)
		done.Go(func() { slow.count(beSlow(address, i, placed.Done, end)) })
	}
	placed.Wait()
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	close(end)
	done.Wait()
	fmt.Printf("answered %d %d\n", idle.good, slow.good)
	for _, problems := range []map[string]int{idle.bad, slow.bad} {
		for problem, n := range problems {
			t.Errorf("%d times: %s", n, problem)
		}
	}
}

// tally counts what became of clients.
type tally struct {
	mu   sync.Mutex
	good int
	bad  map[string]int
}

func newTally() *tally { return &tally{bad: map[string]int{}} }

func (c *tally) count(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.good++
	} else {
		c.bad[err.Error()]++
	}
}

// beIdle stands there, half of them after a first request, and asks at the end.
func beIdle(address string, i int, placed func(), end <-chan struct{}) error {
	c, r, err := join(address)
	if err != nil {
		placed()
		return err
	}
	defer c.Close()
	if i%2 == 0 {
		err = exchange(c, r, healthLine+"\r\n", `{"status":"ok"}`)
	}
	placed()
	<-end
	if err != nil {
		return err
	}
	return exchange(c, r, healthLine+"\r\n", `{"status":"ok"}`)
}

// beSlow sends a byte of an event every 200 ms, and the rest at the end.
func beSlow(address string, i int, placed func(), end <-chan struct{}) error {
	c, r, err := join(address)
	if err != nil {
		placed()
		return err
	}
	defer c.Close()
	id := fmt.Sprintf("slow%d-%d", i, os.Getpid())
	text := publishOf(id)
	sent := strings.Index(text, "\r\n\r\n") + 4
	if i%2 == 0 { // as slow with the header
		sent = 10
	}
	_, err = io.WriteString(c, text[:sent])
	placed()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for waiting := true; waiting && err == nil && sent < len(text)-1; {
		select {
		case <-tick.C:
			_, err = io.WriteString(c, text[sent:sent+1])
			sent++
		case <-end:
			waiting = false
		}
	}
	<-end
	if err != nil {
		return err
	}
	return exchange(c, r, text[sent:], `{"status":"stored","event_id":"`+id+`","topic":"t"}`)
}

func join(address string) (net.Conn, *bufio.Reader, error) {
	c, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		return nil, nil, err
	}
	_ = c.SetDeadline(time.Now().Add(5 * time.Minute))
	return c, bufio.NewReaderSize(c, 512), nil
}

// exchange sends the last of a request and wants that body.
func exchange(c net.Conn, r *bufio.Reader, text, want string) error {
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if line == "\r\n" {
			break
		}
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil {
		return err
	}
	if string(got) != want {
		return fmt.Errorf("answered %s", got[:min(len(got), 40)])
	}
	return nil
}
