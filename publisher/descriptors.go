package main

import (
	"fmt"
	"syscall"
)

// spare is how many files a process has open besides those it replays and its connections: three of its own, the poller's,
// those of a look-up of a name, and what its parent left open. A guess.
const spare = 32

// filesAtOnce is how many files this process can have open besides so many connections; at least one.
func filesAtOnce(connections int) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 1 << 30
	}
	return max(1, int(limit.Cur)-connections-spare)
}

func tooMany(files, room int) error {
	return fmt.Errorf("--follow keeps each file open: %d are %d more than this process may have open: raise ulimit -n by as many, or follow them by several publishers", files, files-room)
}
