package main

import (
	"errors"
	"io/fs"
	"os"
)

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
