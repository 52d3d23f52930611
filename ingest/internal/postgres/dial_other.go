//go:build !linux

package postgres

import "time"

// setUserTimeout does nothing: only Linux has this timeout.
func setUserTimeout(int, time.Duration) error { return nil }
