//go:build !linux

package torture

import "errors"

// mountMemory has no counterpart here.
func mountMemory(string, int) error { return errors.ErrUnsupported }
