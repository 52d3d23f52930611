package torture

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ingot/internal/localpg"
)

// disk is a small file system in memory, which can be filled. It does not outlive
// this process: a keeper, which is another one, waits for the end of its stdin.
type disk struct {
	folder string
	keeper *exec.Cmd
	alive  io.Closer // the keeper's stdin
}

// keep is the keeper's program. What used the file system may need a moment to end.
const keep = `read _
for n in $(seq 300); do
	grep -q " $1 tmpfs " /proc/mounts || break
	umount "$1" 2>/dev/null || sleep 1
done
rmdir "$1"`

// mountDisk mounts one of so many bytes on a folder. It fails where this process may mount nothing.
func mountDisk(folder string, size int) (*disk, error) {
	if err := mountMemory(folder, size); err != nil {
		return nil, err
	}
	d := &disk{folder: folder, keeper: exec.Command("sh", "-c", keep, "keeper", folder)}
	d.keeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is not for it
	alive, err := d.keeper.StdinPipe()
	if err == nil {
		d.alive, err = alive, d.keeper.Start()
	}
	if err != nil {
		return nil, errors.Join(err, unix.Unmount(folder, 0))
	}
	return d, nil
}

// unmount takes it away, with its folder, once nobody uses it.
func (d *disk) unmount() error {
	err := unix.Unmount(d.folder, 0)
	_ = d.alive.Close()
	return errors.Join(err, d.keeper.Wait())
}

// discard takes it away with the data of a Postgres in it.
func (d *disk) discard(data string) error {
	return errors.Join(localpg.Discard(context.Background(), data), d.unmount())
}

// fill leaves no room on the disk until the returned function is called.
func (d *disk) fill() (free func() error, err error) {
	ballast := filepath.Join(d.folder, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for chunk := make([]byte, 1<<20); err == nil; {
		_, err = f.Write(chunk)
	}
	if !errors.Is(err, unix.ENOSPC) {
		return nil, err
	}
	return func() error { return os.Remove(ballast) }, nil
}

// TestADiskGoesWithItsTest, which takes it away or is killed.
func TestADiskGoesWithItsTest(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(d *disk) error{
		"taken away": (*disk).unmount,
		"killed": func(d *disk) error { // all that the end of this process does to it
			return errors.Join(d.alive.Close(), d.keeper.Wait())
		},
	} {
		folder, err := os.MkdirTemp("", "ingot-torture-")
		if err != nil {
			t.Fatal(err)
		}
		d, err := mountDisk(folder, 1<<20)
		if err != nil {
			_ = os.Remove(folder)
			t.Skipf("nothing can be mounted: %v", err)
		}
		if err := os.WriteFile(filepath.Join(folder, "file"), nil, 0o600); err != nil {
			t.Error(err)
		}
		if err := end(d); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		mounts, err := os.ReadFile("/proc/mounts")
		if _, there := os.Stat(folder); err != nil || strings.Contains(string(mounts), folder) || !errors.Is(there, os.ErrNotExist) {
			t.Errorf("%s: it is still there: %v, %v", name, err, there)
		}
	}
}
