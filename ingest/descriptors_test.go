package main

import (
	"syscall"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestFewDescriptorsAreTold: as many connections as there may be files are too many.
func TestFewDescriptorsAreTold(t *testing.T) {
	t.Parallel()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	most := int(min(uint64(limit.Cur), 1<<40))
	for connections, told := range map[int]int{most: 1, most - 2*spareDescriptors: 0} {
		core, logs := observer.New(zapcore.WarnLevel)
		warnOfFewDescriptors(config{MaxConnections: connections, ReadConnections: 4}, zap.New(core))
		if n := logs.FilterMessageSnippet("--max-connections").Len(); n != told {
			t.Errorf("%d connections, %d files: told %d times", connections, most, n)
		}
	}
}
