package main

import (
	"syscall"

	"go.uber.org/zap"
)

// spareDescriptors is how many descriptors are left for what belongs to no client: connections to the database, files that
// are read again, the poller. A guess, several times what is used.
const spareDescriptors = 128

// warnOfFewDescriptors warns if clients that do nothing but stay connected could take the descriptors that the database and
// the file of keys need. Go has raised the limit as far as this process may (syscall, since 1.19).
func warnOfFewDescriptors(c config, log *zap.Logger) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return // as on a system that has no such limit
	}
	if may := uint64(limit.Cur); may < uint64(c.MaxConnections+c.ReadConnections+spareDescriptors) {
		log.Warn("this process may open too few files for --max-connections: lower that, or raise the limit (ulimit -Hn, LimitNOFILE)", zap.Uint64("files", may), zap.Int("max_connections", c.MaxConnections))
	}
}
