package main

import (
	"syscall"

	"go.uber.org/zap"
)

// spareDescriptors are those that are not a client's: the database's connections, the files that are read
// again, the poller's. A guess, several times what there are.
const spareDescriptors = 128

// warnOfFewDescriptors says so where clients that do nothing but stay could take what the database and the keys need.
// Go has raised the limit as far as this process may (syscall, since 1.19).
func warnOfFewDescriptors(c config, log *zap.Logger) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return // as on a system that has none
	}
	if may := uint64(limit.Cur); may < uint64(c.MaxConnections+c.ReadConnections+spareDescriptors) {
		log.Warn("this process may open too few files for --max-connections: lower that, or raise the limit (ulimit -Hn, LimitNOFILE)", zap.Uint64("files", may), zap.Int("max_connections", c.MaxConnections))
	}
}
