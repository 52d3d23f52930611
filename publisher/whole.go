package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

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
