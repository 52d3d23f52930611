//go:build !linux

package postgres

import "time"

// setUserTimeout does nothing: only Linux can.
func setUserTimeout(int, time.Duration) error { return nil }
