package main

import (
	"syscall"

	"go.uber.org/zap"
)

// spareDescriptors is how many descriptors are left for what belongs to no client: connections to the database, files that
// are read again, the poller. A guess, several times what is used.
const spareDescriptors = 128

// fitDescriptors lowers --max-connections to what the limit on open files leaves room for, and warns if it does. Otherwise
// idle clients could use up the descriptors that the database needs: when the database restarts, each descriptor that its
// connections free would go to the next client waiting to be accepted, and the server could not reconnect. Go has already
// raised the limit as far as this process may (package syscall, since 1.19).
func fitDescriptors(c config, log *zap.Logger) config {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return c // as on a system that has no such limit
	}
	files := uint64(limit.Cur)
	if room := connectionsIn(files, c.ReadConnections); room < uint64(c.MaxConnections) {
		log.Warn("the limit of open files is too low for --max-connections: fewer connections will be accepted; raise the limit (ulimit -Hn, LimitNOFILE)",
			zap.Uint64("files", files), zap.Int("max_connections", c.MaxConnections), zap.Uint64("taken", room))
		c.MaxConnections = int(room)
	}
	return c
}

// connectionsIn is how many clients there is room for. They get at least half of the limit, even if less is spared then.
func connectionsIn(files uint64, readConnections int) uint64 {
	spare := uint64(readConnections + spareDescriptors)
	return max(1, files-min(spare, files/2))
}
