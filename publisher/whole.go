package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// spare is how many files a process has open besides those it replays and its connections: three of its own, the poller's,
// those of a look-up of a name, and what its parent left open. A guess.
const spare = 32

// whole is a file that must stay whole while it is read. One that is truncated meanwhile, as by logrotate's
// copytruncate, has lost the lines that were not read yet, and what was read last may be a part of a line.
type whole struct {
	*os.File // nil: the first Read opens it again
	path     string
	was      fs.FileInfo // when it was opened at the start
	read     int64
}

// putOff closes a file until its turn to be read comes. What is no regular file stays open.
func (f *file) putOff() error {
	w, regular := f.src.(*whole)
	if !regular {
		return nil
	}
	err := w.Close()
	w.File = nil
	return err
}

// Read implements io.Reader. A file is truncated if its size is less than when it was opened. That fewer bytes than
// its size were read tells nothing: files of /proc have a size of 0, those of /sys one that is too large.
func (w *whole) Read(to []byte) (int, error) {
	if w.File == nil {
		if err := w.reopen(); err != nil {
			return 0, err
		}
	}
	n, err := w.File.Read(to)
	w.read += int64(n)
	if !errors.Is(err, io.EOF) || w.read >= w.was.Size() {
		return n, err
	}
	if now, failed := w.Stat(); failed == nil && now.Size() < w.was.Size() {
		return n, fmt.Errorf("it was truncated after %d of its %d bytes were read", w.read, w.was.Size())
	}
	return n, err
}

// reopen refuses another file that has taken the name since the start, as after a rotation: that one would be read in place
// of the file that is gone, and perhaps a second time.
func (w *whole) reopen() (err error) {
	if w.File, err = os.Open(w.path); err != nil {
		return err
	}
	now, err := w.Stat()
	if err == nil && !os.SameFile(w.was, now) {
		err = errors.New("another file has taken its name since the start: with more files than can be open at once, files must stay in place until they are read")
	}
	return err
}

// filesAtOnce is how many files this process can have open besides so many connections; at least one.
func filesAtOnce(connections int) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 1 << 30
	}
	return max(1, int(limit.Cur)-connections-spare)
}
