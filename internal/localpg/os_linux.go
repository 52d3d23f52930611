package localpg

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// isPostmaster says whether pid is a server that works in the cluster. That a process has this number proves
// nothing: after a crash of the machine, or in a new container, it may be anybody's. A zombie has no working
// folder, so it is no postmaster.
func isPostmaster(pid int, cluster string) bool {
	if !isPostgres(pid) {
		return false
	}
	works, err := worksIn(pid, cluster)
	if errors.Is(err, fs.ErrPermission) { // no right to look, which even root may lack: rather wait than start over a living server
		return !isZombie(pid)
	}
	return works
}

func isPostgres(pid int) bool {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && string(bytes.TrimSpace(comm)) == "postgres"
}

// worksIn tells whether a process works in the cluster. It compares files, not names: for that process the cluster
// may be mounted under another name.
func worksIn(pid int, cluster string) (bool, error) {
	there, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil {
		return false, err
	}
	here, err := os.Stat(cluster)
	return err == nil && os.SameFile(there, here), err
}

func isZombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, found := bytes.Cut(stat, []byte(") ")) // the program's name, which stands before it, may hold anything
	return err != nil || !found || bytes.HasPrefix(after, []byte("Z"))
}

// backends lists every Postgres process that works in the cluster. Each backend is in a session of its own, so no
// process group holds them together.
func backends(cluster string) []int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var pids []int
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || !isPostgres(pid) {
			continue
		}
		if works, _ := worksIn(pid, cluster); works {
			pids = append(pids, pid)
		}
	}
	return pids
}

// checkpointerAsleep is the processor time, in ticks, that the processes of a cluster have used, if all of them are asleep
// and none but a checkpointer, with the io workers that serve it from Postgres 18 on, is left beside the postmaster.
// Otherwise it is -1.
func checkpointerAsleep(cluster string, postmaster int) (used int64) {
	found := false
	for _, pid := range backends(cluster) {
		title, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		checkpointer := bytes.Contains(title, []byte(": checkpointer"))
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // state, parent, ..
		if !checkpointer && pid != postmaster && !bytes.Contains(title, []byte(": io worker")) || len(fields) < 13 || fields[0] != "S" {
			return -1
		}
		user, _ := strconv.ParseInt(fields[11], 10, 64)
		system, _ := strconv.ParseInt(fields[12], 10, 64)
		found, used = found || checkpointer, used+user+system
	}
	if !found {
		return -1
	}
	return used
}

// machineMemory is the memory that this process may use: the machine's, or the share of it that its container or
// service has. 0: not known.
func machineMemory() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	total := uint64(info.Totalram) * uint64(info.Unit)
	groups, _ := os.ReadFile("/proc/self/cgroup") // if it cannot be read: the machine's
	for _, limit := range memoryLimits(string(groups)) {
		b, err := os.ReadFile(limit)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseUint(string(bytes.TrimSpace(b)), 10, 64); err == nil {
			total = min(total, n)
		}
	}
	return total
}

// memoryLimits are the files that may bound the memory of a process in the groups that /proc/self/cgroup lists. The
// limit of a group holds for all groups below it, so each group up to the root has a file here. A container sees
// its own group as the root, whatever the group is called outside.
func memoryLimits(groups string) (files []string) {
	for line := range strings.Lines(groups) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		root, name := "/sys/fs/cgroup", "memory.max"
		switch {
		case controllers == "":
		case slices.Contains(strings.Split(controllers, ","), "memory"):
			root, name = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		group = filepath.Clean("/" + group)
		for ; group != "/"; group = filepath.Dir(group) {
			files = append(files, filepath.Join(root, group, name))
		}
		files = append(files, filepath.Join(root, name))
	}
	return files
}
