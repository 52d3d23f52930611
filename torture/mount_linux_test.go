package torture

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// mountMemory mounts a file system in memory, of so many bytes, on a folder. It fails where this process may mount nothing.
func mountMemory(folder string, size int) error {
	return unix.Mount("ingot-torture", folder, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0755", size))
}
