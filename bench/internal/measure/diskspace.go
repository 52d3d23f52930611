package measure

import (
	"fmt"
	"syscall"

	"ingot/bench/internal/scenario"
)

// bytesPerRow is what a row of a full table takes on the disk, with its indexes: 20 million take 10 GB.
const bytesPerRow = 500

// copyGrows is how large the copy of a full table becomes, in sizes of that table, with what is written to it and to the WAL.
const copyGrows = 1.5

// checkDiskSpace refuses to load rows, and to copy them, where they would fill the disk: Postgres would stop in the middle, and
// so would whatever else writes there. It knows nothing of the disk of a Postgres that was given.
func (r *Round) checkDiskSpace(have int) error {
	if r.Disk == "" || !r.FullTable() {
		return nil
	}
	var at syscall.Statfs_t
	if err := syscall.Statfs(r.Disk, &at); err != nil {
		return fmt.Errorf("look at the disk of %s: %w", r.Disk, err)
	}
	free, wanted := float64(at.Bavail)*float64(at.Bsize), bytesPerRow*(float64(max(0, r.Base-have))+copyGrows*float64(r.Base))
	if free >= wanted {
		return nil
	}
	mend := "set --data-dir to a folder on another disk"
	if r.Set != scenario.Named {
		mend += ", or --rows to fewer rows"
	}
	return fmt.Errorf("the disk of %s has %.1f GB free, but %d rows (%d are there) and the copy that is measured need %.1f GB: %s",
		r.Disk, free/1e9, r.Base, have, wanted/1e9, mend)
}
