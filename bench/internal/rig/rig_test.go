package rig

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ingot"
	"ingot/bench/internal/mix"
	"ingot/internal/pgtest"
	"ingot/internal/subprocess"
)

// empty is a database with the tables, and what rows for it are made with.
func empty(t *testing.T) (url string, e *mix.Encoder) {
	t.Helper()
	url = pgtest.New(t)
	if err := Exec(t.Context(), url, ingot.Schema); err != nil {
		t.Fatal(err)
	}
	e, err := mix.NewEncoder(mix.Mix{})
	if err != nil {
		t.Fatal(err)
	}
	return url, e
}

// TestFillGoesOnWhereItWasCut loads two chunks, then the rest: ids and events keep
// in step, and each batch says where its rows stand.
func TestFillGoesOnWhereItWasCut(t *testing.T) {
	t.Parallel()
	url, e := empty(t)
	for _, rows := range []int{fillChunk, fillChunk, fillChunk + 1000} {
		if err := Fill(t.Context(), url, e, rows, func(int) {}); err != nil {
			t.Fatal(err)
		}
	}
	if err := Warm(t.Context(), url); err != nil {
		t.Error(err)
	}
	if n, err := Rows(t.Context(), url); n != fillChunk+1000 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	c := Cluster{admin: url}
	counts := map[string]int{}
	for name, sql := range map[string]string{
		"events":  "SELECT count(*)::int FROM ingot.events",
		"batches": "SELECT count(*)::int FROM ingot.batches",
		"topics":  "SELECT sum(events)::int FROM ingot.topics",
		"log":     "SELECT max(total_stored)::int FROM ingot.batches",
		"end":     "SELECT (heap_blocks - pg_relation_size('ingot.events') / 8192)::int FROM ingot.batches ORDER BY commit_seq DESC LIMIT 1",
		// Rows of a size that fits fill holes of older pages: one or two in a thousand.
		"lost": `SELECT count(*)::int / 1000 FROM ingot.events AS e JOIN ingot.batches AS b ON e.id BETWEEN b.first_id AND b.last_id
			WHERE e.ctid >= ('(' || b.heap_blocks || ',0)')::tid OR e.ctid < ('(' || greatest(b.heap_blocks - 32 - b.stored / 4, 0) || ',0)')::tid`,
	} {
		n := 0
		if err := c.query(t.Context(), sql, &n); err != nil {
			t.Fatal(err)
		}
		counts[name] = n
	}
	want := map[string]int{"events": fillChunk + 1000, "batches": fillChunk/fillBatch + 4, "end": 0, "lost": 0, "topics": fillChunk + 1000, "log": fillChunk + 1000}
	if !maps.Equal(counts, want) {
		t.Errorf("%v, want %v", counts, want)
	}
}

// TestTheShellDoesNotSteerAServer unnoticed.
func TestTheShellDoesNotSteerAServer(t *testing.T) {
	t.Parallel()
	kept := cleanEnv([]string{"PATH=/bin", "INGOT_DEADLINE=1s", "DATABASE_URL=postgres://x/y", "PGHOST=z", "HOME=/h"})
	if got := strings.Join(kept, " "); got != "PATH=/bin HOME=/h" {
		t.Errorf("kept %s", got)
	}
}

// TestPourGoesOnWhereAFillEnded: what it writes is new, and in the log, and what an ingester has not folded yet still counts.
func TestPourGoesOnWhereAFillEnded(t *testing.T) {
	t.Parallel()
	url, e := empty(t)
	if err := Fill(t.Context(), url, e, 1000, func(int) {}); err != nil {
		t.Fatal(err)
	}
	if err := Exec(t.Context(), url, `UPDATE ingot.topics SET events = events - 7 WHERE topic = (SELECT min(topic) FROM ingot.topics);
		UPDATE ingot.batches SET topics = '{"not folded yet": 7}', folded = false WHERE commit_seq = (SELECT max(commit_seq) FROM ingot.batches)`); err != nil {
		t.Fatal(err)
	}
	rows, took, err := Pour(t.Context(), url, e, 1400, time.Nanosecond)
	if err != nil || rows != fillChunk || took <= 0 {
		t.Fatalf("%d rows in %v, %v", rows, took, err)
	}
	c := Cluster{admin: url}
	for what, sql := range map[string]string{
		"events": "SELECT count(*)::int FROM ingot.events",
		"log":    "SELECT max(total_stored)::int FROM ingot.batches",
		"topics": `SELECT ((SELECT sum(events) FROM ingot.topics) + (SELECT coalesce(sum(value::bigint), 0) FROM ingot.batches, json_each_text(topics)
			WHERE commit_seq > (SELECT max(commit_seq) FROM ingot.batches WHERE folded)))::int`,
		"ids": "SELECT count(*)::int FROM ingot.events AS e JOIN ingot.batches AS b ON e.id BETWEEN b.first_id AND b.last_id",
	} {
		n := 0
		if err := c.query(t.Context(), sql, &n); n != fillChunk+1000 || err != nil {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
}

func TestDatabasesComeAndGo(t *testing.T) {
	t.Parallel()
	c := Cluster{admin: pgtest.New(t)}
	for range 2 { // the second takes the place of the first
		if _, err := c.CreateWithSchema(t.Context(), "bench_rig_test"); err != nil {
			t.Fatal(err)
		}
	}
	if there, err := c.Exists(t.Context(), "bench_rig_test"); !there || err != nil {
		t.Errorf("after Create: %v, %v", there, err)
	}
	url, err := c.Copy(t.Context(), "bench_rig_copy", "bench_rig_test")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := Rows(t.Context(), url); n != 0 || err != nil {
		t.Errorf("the copy: %d rows, %v", n, err)
	}
	if n, err := c.PageImages(t.Context()); n < 0 || err != nil {
		t.Errorf("%d page images, %v", n, err)
	}
	if err := errors.Join(c.Drop(t.Context(), "bench_rig_copy"), c.Drop(t.Context(), "bench_rig_test")); err != nil {
		t.Fatal(err)
	}
	if there, err := c.Exists(t.Context(), "bench_rig_test"); there || err != nil {
		t.Errorf("after Drop: %v, %v", there, err)
	}
}

func TestProcessStops(t *testing.T) {
	t.Parallel()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	p, err := start(filepath.Join(t.TempDir(), "log"), sleep, "3600")
	if err != nil {
		t.Fatal(err)
	}
	if s := readStat(p.PID()); s.parent != os.Getpid() {
		t.Errorf("its parent is %d, want %d", s.parent, os.Getpid())
	}
	if err := p.stop(); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("sleep ended with %v", err)
	}
	if s := readStat(p.PID()); s.parent != 0 {
		t.Error("it is still there")
	}
}

func TestAChildThatEndsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := startServer(t.Context(), filepath.Join(t.TempDir(), "log"), "127.0.0.1:1", "/bin/sh", []string{"-c", "echo the port is taken; exit 3"})
	if err == nil || !strings.Contains(err.Error(), "the port is taken") {
		t.Errorf("%v", err)
	}
}

func TestUsageOfThisProcess(t *testing.T) {
	t.Parallel()
	self := []*Server{{process: &process{Process: &subprocess.Process{Cmd: &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}}}}}
	c := ReadCPU(self, os.Getpid())
	if c.Client <= 0 || c.Postgres < c.Ingester || c.Sub(c) != (CPU{}) {
		t.Errorf("%+v", c)
	}
	if d := (CPU{5, 7, 9}).Sub(CPU{1, 2, 3}); d != (CPU{4, 5, 6}) {
		t.Errorf("the difference is %+v", d)
	}
	if m := PeakMemory(self); m < 1<<20 {
		t.Errorf("a peak of %d bytes", m)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 3)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"received":7,"queue":{"batches":2,"queued_events":3},"topics":{}}`))
		select {
		case asked <- struct{}{}:
		default:
		}
	}))
	defer server.Close()
	s := Given(strings.TrimPrefix(server.URL, "http://"))
	w := StartWatch(context.Background(), []*Server{s, s})
	for range 3 { // both servers of the first look, and one of the second
		<-asked
	}
	samples := w.Stop()
	if len(samples) == 0 {
		t.Error("it saw nothing")
	}
	for _, sample := range samples {
		if sample.Received != 7 || sample.Batches != 4 || sample.Queued != 6 {
			t.Errorf("%+v", sample)
		}
	}
}

func TestMallocs(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "/debug/pprof/heap?debug=1" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte("heap profile: 1: 2 [3: 4] @ heap/1048576\n\n# runtime.MemStats\n# TotalAlloc = 5\n# Mallocs = 678\n# Frees = 9\n"))
	}))
	defer server.Close()
	if n, err := Mallocs(t.Context(), &Server{debug: strings.TrimPrefix(server.URL, "http://")}); n != 678 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := Mallocs(t.Context(), &Server{}); n != 0 || err != nil {
		t.Errorf("a server that has no profiles: %d, %v", n, err)
	}
}

// TestNobodyIsWaitedForWithoutEnd: a build that starts and does nothing, one that never gets ready, and a Postgres that takes connections and says nothing.
func TestNobodyIsWaitedForWithoutEnd(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := OpenCluster(ctx, "", "postgres://"+l.Addr().String()+"/none"); err == nil || !strings.Contains(err.Error(), "--database-url does not answer") {
		t.Errorf("a Postgres that says nothing: %v", err)
	}
	idle := filepath.Join(t.TempDir(), "idle")
	if err := os.WriteFile(idle, []byte("#!/bin/sh\nexec sleep 100\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if begin := time.Now(); Takes(ctx, idle, debugFlag) || time.Since(begin) > 20*time.Second {
		t.Errorf("asked for its flags for %v", time.Since(begin))
	}
	p, err := start(filepath.Join(t.TempDir(), "log"), idle)
	if err != nil {
		t.Fatal(err)
	}
	free, err := freeAddresses(1)
	if err == nil {
		err = p.awaitPort(t.Context(), free[0], 50*time.Millisecond)
	}
	if err == nil || !strings.Contains(err.Error(), p.log) {
		t.Errorf("%v, want where to look", err)
	}
	unready := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer unready.Close()
	s := &Server{Address: strings.TrimPrefix(unready.URL, "http://"), process: p}
	if err := s.awaitReady(t.Context(), 50*time.Millisecond); err == nil || !strings.Contains(err.Error(), "not ready after 50ms: see "+p.log) {
		t.Errorf("%v, want where to look", err)
	}
	if err := p.stop(); err == nil {
		t.Error("it ended by itself")
	}
}
