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

// filesAtOnce is how many files this process can have open besides so many connections; at least one.
func filesAtOnce(connections int) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 1 << 30
	}
	return max(1, int(limit.Cur)-connections-spare)
}

func tooMany(files, room int) error {
	return fmt.Errorf("--follow keeps each file open: %d are %d more than this process may have open: raise ulimit -n by as many, or follow them by several publishers", files, files-room)
}

// whole is a file that must stay whole while it is read. One that is truncated meanwhile, as by logrotate's
// copytruncate, has lost the lines that were not read yet, and what was read last may be a part of a line.
type whole struct {
	*os.File
	size int64 // when it was opened
	read int64
}

// Read implements io.Reader. A file is truncated if its size is less than when it was opened. That fewer bytes than
// its size were read tells nothing: files of /proc have a size of 0, those of /sys one that is too large.
func (w *whole) Read(to []byte) (int, error) {
	n, err := w.File.Read(to)
	w.read += int64(n)
	if !errors.Is(err, io.EOF) || w.read >= w.size {
		return n, err
	}
	if now, failed := w.Stat(); failed == nil && now.Size() < w.size {
		return n, fmt.Errorf("it was truncated, and %d of its %d bytes were read", w.read, w.size)
	}
	return n, err
}

// late is a file that is opened when its turn comes.
type late struct {
	path string
	was  fs.FileInfo // at the start
	whole
}

// putOff closes a file until its turn comes. What is no regular file stays open.
func (f *file) putOff() error {
	open, ok := f.src.(*whole)
	if !ok {
		return nil
	}
	was, err := open.Stat()
	if err != nil {
		return err
	}
	f.src = &late{path: f.name, was: was, whole: whole{size: open.size}}
	return open.Close()
}

// Read implements io.Reader. The first Read opens the file, and refuses another one that has taken its name since the
// start, as after a rotation: that one would be read in place of the file that is gone, and perhaps a second time.
func (l *late) Read(to []byte) (int, error) {
	if l.File != nil {
		return l.whole.Read(to)
	}
	opened, err := os.Open(l.path)
	if err != nil {
		return 0, err
	}
	l.File = opened
	now, err := opened.Stat()
	switch {
	case err != nil:
		return 0, err
	case !os.SameFile(l.was, now):
		return 0, errors.New("since the start another file has taken its name: of more files than can be open at once the later ones must stay where they are")
	}
	return l.whole.Read(to)
}
