package torture

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"testing"
	"time"

	"ingot/internal/pgtest"
)

// TestFewDescriptors: whatever clients do, the process keeps the descriptors that it needs to reach Postgres again, and
// who is one too many is told so.
func TestFewDescriptors(t *testing.T) {
	const files, clients = 64, 150
	server := pgtest.Durable(t)
	i := startIngesterAs(t, func(c *exec.Cmd) {
		c.Args = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, files), c.Path}, c.Args[1:]...)
		c.Path = "/bin/sh"
	}, "--database-url="+server.URL())
	told := newLedger(1)
	storeAll(t, i, told, 3) // over a connection that stays open
	var wait sync.WaitGroup
	var mu sync.Mutex
	answers := map[string]int{}
	for range clients {
		wait.Go(func() {
			status := stayConnected(t, i.address)
			mu.Lock()
			defer mu.Unlock()
			answers[status]++
		})
	}
	wait.Wait()
	t.Logf("with %d files %d clients were answered %v", files, clients, answers)
	if open := answers["200 OK"]; open < files/4 || open+answers["503 Service Unavailable"] != clients {
		t.Errorf("answers: %v", answers)
	}
	pgtest.Exec(t, pgtest.Client(t, server.URL()), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'ingot%'")
	for request := 3; request < 6; request++ {
		told.add(request, i.publishBytes(events(request, told.size, 100))) // no other connection may be had
	}
	if told.counts()["200"] != 6 {
		t.Errorf("while clients take all connections there are, %v", told.counts())
	}
	i.stop(t)
}

// stayConnected asks once, over a connection that stays open until the test ends, and returns the status.
func stayConnected(t *testing.T, address string) string {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err.Error()
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "no answer"
	}
	_ = got.Body.Close()
	return got.Status
}
