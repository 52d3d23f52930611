package postgres

import (
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout ends the connection when what was sent is not acknowledged for so
// long.
func setUserTimeout(fd int, d time.Duration) error {
	return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(milliseconds(d)))
}
