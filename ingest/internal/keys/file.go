package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// File is the keys of a file. Holder may be called by many goroutines, Refresh by one.
type File struct {
	path    string
	current atomic.Pointer[ring]
	text    []byte // that was read last, good or not
	failure string // of that reading
}

// Open reads the file. It fails when there is none, and when one of its lines is not understood.
func Open(path string) (*File, error) {
	f := &File{path: path}
	if _, err := f.Refresh(); err != nil {
		return nil, err
	}
	return f, nil
}

// Holder is the name that a key was given to, "" if to nobody, and whether it may do what needs the right.
func (f *File) Holder(key []byte, right string) (name string, may bool) {
	return f.current.Load().holder(key, right)
}

// Len is how many keys there are.
func (f *File) Len() int { return len(*f.current.Load()) }

// Refresh reads the file again and tells whether its keys are others now. While it cannot be read or
// understood the keys from before hold; the error is told once, until it is another one.
func (f *File) Refresh() (changed bool, err error) {
	text, err := f.read()
	if err == nil && f.current.Load() != nil && f.failure == "" && bytes.Equal(text, f.text) {
		return false, nil
	}
	var r ring
	if err == nil {
		r, err = parse(text)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", f.path, err)
		if told := f.failure; told == err.Error() {
			return false, nil
		}
		f.failure = err.Error()
		return false, err
	}
	f.text, f.failure = text, ""
	f.current.Store(&r)
	return true, nil
}

func (f *File) read() ([]byte, error) {
	file, err := os.Open(f.path)
	var path *os.PathError
	if errors.As(err, &path) {
		return nil, path.Err // the caller names the file
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it has more than %d bytes: that is no file of keys", maxFile)
	}
	return text, err
}
