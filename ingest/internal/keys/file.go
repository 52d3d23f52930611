package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"ingot/internal/event"
)

// File is the keys of a file. Any goroutine may call its methods; Refresh, one at a time.
type File struct {
	path    string
	current atomic.Pointer[ring]
	text    []byte // the text that was understood last
	failure string // the error of the last reading; "": there was none
}

// Open reads the file. It fails when there is none, and when one of its lines is not understood.
func Open(path string) (*File, error) {
	f := &File{path: path}
	if _, err := f.Refresh(); err != nil {
		return nil, err
	}
	return f, nil
}

// Holder returns the name that a key was given to, "" if to nobody, the topics for which it has its rights, and whether it
// has this one.
func (f *File) Holder(key []byte, right string) (name string, topics *event.Scope, may bool) {
	return f.current.Load().holder(key, right)
}

// Take counts events against the rate of a name: how many events its keys may send in a second (0: as many as come).
// If none are left, Take counts nothing and tells how long to wait. 0 events only ask.
func (f *File) Take(name string, events int) (perSecond int, wait time.Duration) {
	if r := f.current.Load().rates[name]; r != nil {
		return r.perSecond, r.take(events, time.Now())
	}
	return 0, 0
}

// Len is how many keys there are.
func (f *File) Len() int { return len(f.current.Load().holders) }

// Refresh reads the file again and tells whether the keys were replaced: they are when the text has changed, and
// when it is understood again after an error.
//
// While the file cannot be read or understood the keys from before hold. The error is returned once, and not again
// until it is another one. A file without a key may just be being written: only if it has none at the next reading
// either are all keys revoked.
func (f *File) Refresh() (changed bool, err error) {
	text, err := f.read()
	if err == nil && f.current.Load() != nil && f.failure == "" && bytes.Equal(text, f.text) {
		return false, nil
	}
	var r *ring
	if err == nil {
		r, err = parse(text)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", f.path, err)
		if told := f.failure; told != err.Error() {
			f.failure = err.Error()
			return false, err
		}
		if !errors.Is(err, errNoKeys) || f.Len() == 0 {
			return false, nil
		}
		f.current.Store(&ring{})
		return true, nil
	}
	f.text, f.failure = text, ""
	if before := f.current.Load(); before != nil {
		r.inherit(before)
	}
	f.current.Store(r)
	return true, nil
}

func (f *File) read() ([]byte, error) {
	text, err := ReadFile(f.path)
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err = path.Err // the caller names the file
	}
	return text, err
}

// ReadFile reads a regular file of at most 1 MiB (maxFile); package main also reads its certificate with it. It refuses
// other files, since its callers read the file again and again, and must not wait for the writer of a named pipe or
// the end of a device. The errors are *os.PathError.
func ReadFile(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "read", Path: path, Err: errors.New("it must be a regular file, since it is read again and again")}
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = &os.PathError{Op: "read", Path: path, Err: fmt.Errorf("it is larger than %d bytes: is it the right file?", maxFile)}
	}
	return text, err
}
