package lines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

const (
	// poll is how often a file is looked at whose end was reached: short for somebody who watches, and nothing for
	// the machine. A guess.
	poll = 200 * time.Millisecond

	// settle is how long a renamed file must have brought nothing, while another one has its name, before the Tail
	// goes on with that one. The writer of the renamed file goes on until it is told to open the new one. A guess.
	settle = time.Second

	// closedFor is how long the file that now has the name may be one that cannot be read: whoever rotates may make
	// it first and give it its owner afterwards. A guess.
	closedFor = 10 * time.Second

	// markBytes before the offset are remembered, to notice that a file was
	// truncated and has grown past the offset again between two looks.
	markBytes = 256
)

// Tail is a file that grows. Read returns what was appended and waits where there
// is nothing; ErrNewFile where the file was truncated, or replaced by another
// under its name; a *CutError in its place where more of the truncated file was seen
// than read; and the error of its context when that ends.
//
// What is written and truncated away again between two looks cannot be seen, nor a
// file that came and was renamed between two looks. There is no look while nobody reads.
type Tail struct {
	ctx    context.Context
	path   string
	file   *os.File
	offset int64
	size   int64     // of the file, when something of it was read last
	mark   []byte    // the bytes before offset
	quiet  time.Time // since when another file has the name, and this one brings nothing; zero: not so
	closed time.Time // since when that other file cannot be read; zero: not known to be so
}

// CutError tells that a file was truncated before all of it was read. What is pending then is a part of a line. Reading goes
// on from the file's beginning.
type CutError struct {
	Unread int64 // at least so many bytes are gone
}

func (c *CutError) Error() string {
	return fmt.Sprintf("it was truncated, and %d bytes or more had not been read: their lines are lost", c.Unread)
}

// Follow opens a file that must be there; Close closes it.
func Follow(ctx context.Context, path string) (*Tail, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err // it names the file
	}
	return &Tail{ctx: ctx, path: path, file: file}, nil
}

// Close closes the file read last.
func (t *Tail) Close() error { return t.file.Close() }

// ModTime is when the file was last written to: about now, for what was just read.
func (t *Tail) ModTime() time.Time {
	info, err := t.file.Stat()
	if err != nil {
		return time.Now()
	}
	return info.ModTime()
}

// Read implements io.Reader.
func (t *Tail) Read(p []byte) (int, error) {
	for {
		n, err := t.file.ReadAt(p, t.offset)
		if err != nil && err != io.EOF {
			return 0, err
		}
		switch rewound, err := t.rewound(); {
		case err != nil:
			return 0, err
		case rewound:
			unread := t.size - t.offset
			t.offset, t.size, t.mark, t.quiet = 0, 0, nil, time.Time{}
			if unread > 0 {
				return 0, &CutError{unread}
			}
			return 0, ErrNewFile
		case n > 0:
			t.took(p[:n])
			return n, nil
		}
		switched, err := t.switchFile()
		if err != nil {
			return 0, err
		}
		if switched {
			return 0, ErrNewFile
		}
		if err := t.wait(); err != nil {
			return 0, err
		}
	}
}

// rewound tells whether the file was truncated: where its last bytes were there is nothing now, or there are others.
func (t *Tail) rewound() (bool, error) {
	again := make([]byte, len(t.mark))
	n, err := t.file.ReadAt(again, t.offset-int64(len(t.mark)))
	if err != nil && err != io.EOF {
		return false, err
	}
	return !bytes.Equal(again[:n], t.mark), nil
}

func (t *Tail) took(p []byte) {
	t.offset += int64(len(p))
	if info, err := t.file.Stat(); err == nil {
		t.size = info.Size()
	}
	t.quiet = time.Time{}
	t.mark = append(t.mark, p[max(0, len(p)-markBytes):]...)
	t.mark = t.mark[max(0, len(t.mark)-markBytes):]
}

// switchFile opens the file that now has the name, once the old one is silent.
func (t *Tail) switchFile() (bool, error) {
	there, err := os.Stat(t.path)
	if err != nil {
		t.closed = time.Time{}
		return false, nil // renamed, and the new one is not there yet
	}
	here, err := t.file.Stat()
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", t.path, err)
	}
	if os.SameFile(here, there) || !t.settled() {
		return false, nil
	}
	next, err := t.next(there)
	if err != nil || next == nil {
		return false, err
	}
	_ = t.file.Close() // it was only read
	t.file, t.offset, t.size, t.mark, t.quiet, t.closed = next, 0, 0, nil, time.Time{}, time.Time{}
	return true, nil
}

// next opens the file that now has the name. It returns nil while that file is waited for.
func (t *Tail) next(there fs.FileInfo) (*os.File, error) {
	err := fmt.Errorf("%s is no regular file any more", t.path)
	if there.Mode().IsRegular() { // opening a named pipe would wait until somebody opens it to write
		var next *os.File
		if next, err = os.Open(t.path); err == nil {
			return next, nil
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist): // renamed again
		return nil, nil
	case t.closed.IsZero():
		t.closed = time.Now()
	}
	if time.Since(t.closed) < closedFor {
		return nil, nil
	}
	return nil, err
}

func (t *Tail) settled() bool {
	if t.quiet.IsZero() {
		t.quiet = time.Now()
	}
	return time.Since(t.quiet) >= settle
}

func (t *Tail) wait() error {
	timer := time.NewTimer(poll)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-t.ctx.Done():
		return t.ctx.Err()
	}
}
