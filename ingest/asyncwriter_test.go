package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// TestNobodyReadsTheLog: who logs goes on, and what is lost is told where it is missing.
func TestNobodyReadsTheLog(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b := writeAsync(w, func(lines int64) { fmt.Fprintf(w, "lost %d\n", lines) })
	log := zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(zapcore.EncoderConfig{MessageKey: "m"}), zapcore.AddSync(b), zapcore.InfoLevel))
	filler := strings.Repeat("x", 200) // a pipe holds 64 KiB
	logged, next, lost := 0, 0, []int(nil)
	flood := func() {
		for range 10_000 {
			log.Info(fmt.Sprintf("%d %s", logged, filler))
			logged++
		}
	}
	read := bufio.NewScanner(r)
	take := func() bool {
		if !read.Scan() {
			return false
		}
		var n int
		if _, err := fmt.Sscanf(read.Text(), "lost %d", &n); err == nil {
			next, lost = next+n, append(lost, n)
			return true
		}
		if want := fmt.Sprintf("%d %s", next, filler); read.Text() != want {
			t.Fatalf("line %d is %q", next, read.Text())
		}
		next++
		return true
	}
	flood()
	for begin := time.Now(); len(b.lines) == maxWaitingLines; take() { // until there is room again
		if time.Since(begin) > time.Minute {
			t.Fatal("what is read makes no room")
		}
	}
	flood()
	go func() { b.end(); <-b.ended; w.Close() }() // ends with what is read below
	for take() {
	}
	if next != logged || len(lost) < 2 || lost[0] > 10_000-maxWaitingLines {
		t.Errorf("%d of %d lines, of them lost %v; want a gap in the middle and one at the end", next, logged, lost)
	}
}

// TestALogWithoutAnEnd is given up at the end.
func TestALogWithoutAnEnd(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	b := writeAsync(w, func(int64) {})
	for range 1_000 {
		_, _ = b.Write([]byte(strings.Repeat("x", 1000)))
	}
	ended := make(chan struct{})
	go func() { b.end(); close(ended) }() // by itself, awaited below
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the end waits for whoever reads the log")
	}
	_ = r.Close() // and so does the goroutine
	<-b.ended
}
