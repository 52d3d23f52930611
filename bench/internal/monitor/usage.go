package monitor

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// CPU is the processor time that the three parties which share a machine have used since some moment. The time of a cluster
// or a server that this process has not started is 0.
type CPU struct {
	Client   time.Duration `json:"client"` // with the proxy of a delayed commit
	Ingester time.Duration `json:"ingester"`
	Postgres time.Duration `json:"postgres"`
}

// Sub is what was used since earlier.
func (c CPU) Sub(earlier CPU) CPU {
	return CPU{c.Client - earlier.Client, c.Ingester - earlier.Ingester, c.Postgres - earlier.Postgres}
}

// tick is the unit of times in /proc: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// ReadCPU reads the clocks of this process, of ingesters, and of a postmaster with its children, living and reaped. A pid of 0
// is one that is not known.
func ReadCPU(ingesters []int, postmaster int) CPU {
	var c CPU
	var self syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &self) == nil {
		c.Client = time.Duration(self.Utime.Nano() + self.Stime.Nano())
	}
	for _, pid := range ingesters {
		c.Ingester += readStat(pid).own
	}
	if postmaster != 0 {
		c.Postgres = treeCPU(postmaster)
	}
	return c
}

// treeCPU is the time of a process, of its living children and of those it has reaped: the time of a backend that has ended
// is in the latter.
func treeCPU(parent int) time.Duration {
	p := readStat(parent)
	sum := p.own + p.reaped
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			if child := readStat(pid); child.parent == parent {
				sum += child.own
			}
		}
	}
	return sum
}

type stat struct {
	parent      int
	own, reaped time.Duration
}

// readStat is zero for a process that is gone.
func readStat(pid int) (s stat) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return s
	}
	// The name in parentheses may hold anything; numbers follow the last one.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 15 {
		return s
	}
	number := func(i int) time.Duration {
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		return time.Duration(n)
	}
	s.parent = int(number(1))
	s.own = (number(11) + number(12)) * tick
	s.reaped = (number(13) + number(14)) * tick
	return s
}

// PeakMemory is the largest resident set that one of the ingesters has had, in bytes.
func PeakMemory(ingesters []int) int64 {
	var most int64
	for _, pid := range ingesters {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(b), "VmHWM:")
		if fields := strings.Fields(rest); len(fields) > 0 {
			kb, _ := strconv.ParseInt(fields[0], 10, 64)
			most = max(most, kb<<10)
		}
	}
	return most
}
