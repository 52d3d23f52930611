package main

import (
	"fmt"
	"syscall"
)

// bytesPerRow is what a row of a full table takes on the disk, with its indexes: 20 million take 10 GB.
const bytesPerRow = 500

// copyGrows is how large the copy of a full table becomes, in sizes of that table, with what is written to it and to the WAL.
const copyGrows = 1.5

// takes is how many bytes a scenario on a full table writes, beside those of the rows that it has.
func (s *scenario) takes(have int) float64 {
	return bytesPerRow * (float64(max(0, s.Base-have)) + copyGrows*float64(s.Base))
}

// room refuses to load rows, and to copy them, where they would fill the disk: Postgres would stop in the middle, and so would
// whatever else writes there. It knows nothing of the disk of a Postgres that was given.
func (t *trial) room(have int) error {
	if t.disk == "" || !t.copies() {
		return nil
	}
	var at syscall.Statfs_t
	if err := syscall.Statfs(t.disk, &at); err != nil {
		return fmt.Errorf("look at the disk of %s: %w", t.disk, err)
	}
	free, takes := float64(at.Bavail)*float64(at.Bsize), t.scenario.takes(have)
	if free >= takes {
		return nil
	}
	mend := "--data-dir names a folder on another disk"
	if t.Set != named {
		mend += ", --rows fewer rows"
	}
	return fmt.Errorf("the disk of %s has %.1f GB free, and %d rows (%d are there) with the copy that is measured take %.1f GB: %s",
		t.disk, free/1e9, t.Base, have, takes/1e9, mend)
}
