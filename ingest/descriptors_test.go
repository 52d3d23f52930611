package main

import (
	"syscall"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestFewDescriptorsAreTold: as many connections as there may be files are too many, and fewer are taken.
func TestFewDescriptorsAreTold(t *testing.T) {
	t.Parallel()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	most := int(min(uint64(limit.Cur), 1<<40))
	few := most - 2*spareDescriptors
	for connections, want := range map[int]struct{ taken, told int }{most: {most - 4 - spareDescriptors, 1}, few: {few, 0}} {
		core, logs := observer.New(zapcore.WarnLevel)
		c := fitDescriptors(config{MaxConnections: connections, ReadConnections: 4}, zap.New(core))
		if told := logs.FilterMessageSnippet("--max-connections").Len(); told != want.told || c.MaxConnections != want.taken {
			t.Errorf("%d connections, %d files: %d are taken, told %d times", connections, most, c.MaxConnections, told)
		}
	}
}

// TestConnectionsIn: however few files may be open, clients get no more than half of what is too little.
func TestConnectionsIn(t *testing.T) {
	t.Parallel()
	for files, want := range map[uint64]uint64{1: 1, 2: 1, 64: 32, 264: 132, 300: 168, 65_536: 65_404, 1<<64 - 1: 1<<64 - 133} {
		if got := connectionsIn(files, 4); got != want {
			t.Errorf("%d files: %d connections, want %d", files, got, want)
		}
	}
}
