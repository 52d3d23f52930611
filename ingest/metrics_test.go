package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"ingot/internal/pgtest"
)

// TestMetrics runs a whole server on a Postgres: what was published is counted, every figure is
// in docs/metrics.md, and Prometheus has nothing to say against the names.
func TestMetrics(t *testing.T) {
	t.Parallel()
	c, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	c.Serve.Listen, c.Serve.DatabaseURL, c.Serve.AllowUnsafe = "127.0.0.1:0", pgtest.New(t), true
	base := start(t, c.Serve.config)

	const one = `{"topic":"t","event_id":"1","source":"s","timestamp":"2026-01-01T00:00:00Z","payload":1}`
	subscribe(t, base, "consumer")
	send(t, base, "["+one+","+one+",{}]")
	send(t, base, one)
	read(t, base+"/metrics") // so that it is counted itself
	text := read(t, base+"/metrics")
	for begin := time.Now(); !strings.Contains(text, "\ningot_queue_events 0\n") && time.Since(begin) < time.Minute; time.Sleep(10 * time.Millisecond) {
		text = read(t, base+"/metrics") // what was answered counts until its committer is done with it
	}
	for _, want := range []string{
		`ingot_events_total{outcome="stored"} 1`, `ingot_events_total{outcome="duplicate"} 2`, "ingot_events_invalid_total 1",
		"ingot_batch_commit_seconds_count 2", "ingot_batch_events_sum 3", `ingot_http_answer_seconds_count{route="/publish",status="200"} 1`,
		"ingot_queue_events 0", "ingot_queue_events_limit 65536", "ingot_batches_failed_total 0", "ingot_filter_keys_total 1", "ingot_streams_limit 1024",
		`ingot_subscription_lag_events{subscription="consumer"} 1`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	complaints, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(complaints) > 0 {
		t.Errorf("%v, %v", complaints, err)
	}
	documented(t, text)
}

// start runs a server until the test is over, and returns its address.
func start(t *testing.T, c config) (base string) {
	t.Helper()
	base, _ = startAwaiting(t, c, "")
	return base
}

// startAwaiting also tells when a message is logged.
func startAwaiting(t *testing.T, c config, message string) (base string, logged <-chan struct{}) {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	listening, awaited := make(chan struct{}, 1), make(chan struct{}, 100)
	log := zap.New(core, zap.Hooks(func(e zapcore.Entry) error {
		switch e.Message {
		case "listening":
			listening <- struct{}{}
		case message:
			awaited <- struct{}{}
		}
		return nil
	}))
	go func() { ended <- run(ctx, c, log) }() // stopped by stop, awaited in the cleanup
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	select {
	case <-listening:
	case err := <-ended:
		ended <- err
		t.Fatalf("the server did not start: %v", err)
	}
	open := logs.FilterMessage("listening").All()[0].ContextMap()["open"]
	return strings.TrimSuffix(fmt.Sprint(open), "/"), awaited
}

func send(t *testing.T, base, body string) {
	t.Helper()
	response, err := http.Post(base+"/publish", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode >= 300 {
		t.Fatalf("publish: %s", response.Status)
	}
}

// subscribe makes a subscription that has read nothing.
func subscribe(t *testing.T, base, name string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, base+"/subscriptions/"+name, strings.NewReader(`{"after":"beginning"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if status := statusOf(t, request); status != http.StatusCreated {
		t.Fatalf("subscribe: %d", status)
	}
}

func read(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", url, response.Status, err)
	}
	return string(body)
}

const (
	metricsPage  = "../docs/metrics.md"
	metricsBegin = "<!-- metrics: go test ./ingest -run TestMetrics -update -->\n"
	metricsEnd   = "<!-- end of metrics -->\n"
)

// documented holds the table of docs/metrics.md to what the server shows of its own.
func documented(t *testing.T, text string) {
	t.Helper()
	kinds := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(text, -1) {
		kinds[m[1]] = m[2]
	}
	var rows []string
	for _, m := range regexp.MustCompile(`(?m)^# HELP (ingot_\S+) (.*)$`).FindAllStringSubmatch(text, -1) {
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", m[1], kinds[m[1]], m[2]))
	}
	want := "| name | type | |\n|---|---|---|\n" + strings.Join(rows, "")
	page, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(page), metricsBegin)
	table, after, ends := strings.Cut(rest, metricsEnd)
	if !begins || !ends {
		t.Fatalf("%s has no table between %q and %q", metricsPage, metricsBegin, metricsEnd)
	}
	if *update {
		if err := os.WriteFile(metricsPage, []byte(before+metricsBegin+want+metricsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("the table is not that of the server: go test ./ingest -run TestMetrics -update\ngot\n%s\nwant\n%s", table, want)
	}
}
