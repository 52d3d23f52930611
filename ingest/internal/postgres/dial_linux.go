package postgres

import (
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout has the kernel end the connection when sent data is not acknowledged for that long.
func setUserTimeout(fd int, d time.Duration) error {
	return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(Milliseconds(d)))
}
