package main

import (
	"syscall"

	"go.uber.org/zap"
)

// spareDescriptors is how many descriptors are left for what belongs to no client: connections to the database, files that
// are read again, the poller. A guess, several times what is used.
const spareDescriptors = 128

// fitDescriptors lowers --max-connections to what the limit of open files has room for, and warns of it. Otherwise clients
// that do nothing but stay connected could take the descriptors that the database needs: after a restart of the database,
// each descriptor that its connections have left would go to the next client that waits to be accepted, and none would be
// had for a new connection to the database. Go has raised the limit as far as this process may (syscall, since 1.19).
func fitDescriptors(c config, log *zap.Logger) config {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return c // as on a system that has no such limit
	}
	files := uint64(limit.Cur)
	if room := connectionsIn(files, c.ReadConnections); room < uint64(c.MaxConnections) {
		log.Warn("this process may open too few files for --max-connections: fewer are taken; raise the limit (ulimit -Hn, LimitNOFILE)",
			zap.Uint64("files", files), zap.Int("max_connections", c.MaxConnections), zap.Uint64("taken", room))
		c.MaxConnections = int(room)
	}
	return c
}

// connectionsIn is how many clients there is room for. Half of a limit that is smaller than what should be spared is
// theirs.
func connectionsIn(files uint64, readConnections int) uint64 {
	spare := uint64(readConnections + spareDescriptors)
	return max(1, files-min(spare, files/2))
}
