package environment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"ingot/bench/internal/result"
)

// NewResult is a result without figures: where, when, on what and by which command they are measured.
func (e *Environment) NewResult(ctx context.Context, command string) (*result.Result, error) {
	r := &result.Result{Version: result.Version, Started: time.Now().UTC().Truncate(time.Second), Commit: sourceCommit(ctx), Command: command}
	r.Machine = result.Machine{
		Processor: after("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), Memory: memory(),
		System: firstLine("/proc/sys/kernel/ostype") + " " + firstLine("/proc/sys/kernel/osrelease"), Go: runtime.Version(),
	}
	if e.Binary != "" {
		b, err := os.ReadFile(e.Binary)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(b)
		r.Ingester = hex.EncodeToString(sum[:])
	}
	if e.Cluster != nil {
		var err error
		if r.Machine.Postgres, err = e.Cluster.Settings(ctx); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// sourceCommit is that of the working tree, with a mark when it was changed since.
func sourceCommit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--abbrev=12", "--dirty=+changes", "--exclude=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func memory() int64 {
	kb, _ := strconv.ParseInt(strings.TrimSuffix(after("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	return kb << 10
}

// after is what follows "name:" in a file of such lines; "" where there is none.
func after(path, name string) string {
	b, _ := os.ReadFile(path)
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func firstLine(path string) string {
	b, _ := os.ReadFile(path)
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}
