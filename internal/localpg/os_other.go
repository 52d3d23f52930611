//go:build !linux

package localpg

import (
	"os/exec"
	"strconv"
	"strings"
)

// isPostmaster says whether pid is a server that works in the cluster, by its command line, which names the
// cluster. A zombie has no command line.
func isPostmaster(pid int, cluster string) bool {
	out, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "-D "+cluster+" ")
}

// backends finds nothing: here backends of one cluster cannot be told from others. The server itself refuses to
// start while they are there, and start tries again.
func backends(string) []int { return nil }

// checkpointerAsleep is not known here: a fast shutdown that stands still has all of Options.StopTimeout.
func checkpointerAsleep(string, int) int64 { return -1 }

func machineMemory() uint64 {
	out, err := exec.Command("sysctl", "-n", "hw.memsize").Output()
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(strings.TrimSpace(string(out)), 10, 64)
	return n
}
