package monitor

import (
	"os"
	"os/exec"
	"testing"
)

func TestUsageOfThisProcess(t *testing.T) {
	t.Parallel()
	self := []int{os.Getpid()}
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

// TestParentOfAProcess: Postgres' processes are found by their parent. Of one that is gone nothing is known.
func TestParentOfAProcess(t *testing.T) {
	t.Parallel()
	child := exec.Command("sleep", "3600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if s := readStat(child.Process.Pid); s.parent != os.Getpid() {
		t.Errorf("its parent is %d, want %d", s.parent, os.Getpid())
	}
	_, _ = child.Process.Kill(), child.Wait()
	if s := readStat(child.Process.Pid); s.parent != 0 {
		t.Errorf("it is gone, and its parent is %d", s.parent)
	}
}
