//go:build !linux

package postgres

import (
	"net"
	"time"
)

// setUserTimeout does nothing: only Linux has this timeout.
func setUserTimeout(int, time.Duration) error { return nil }

// peerOf tells nothing: each system has a way of its own to ask.
func peerOf(*net.UnixConn) (uid int, known bool, err error) { return 0, false, nil }
