package lines

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"
)

const (
	// poll is how often a file is looked at whose end was reached: short for somebody who watches, and nothing for
	// the machine. A guess.
	poll = 200 * time.Millisecond

	// settle is how long a renamed file must have brought nothing, while another one with something in it has its name, before
	// the Tail goes on with that one. There may be several writers, and not all are told of it at once. A guess.
	settle = time.Second

	// closedFor is how long the file that now has the name may be one that cannot be read: whoever rotates may make
	// it first and give it its owner afterwards. A guess.
	closedFor = 10 * time.Second

	// mostEmpty is how many empty files wait at most for their turn: a silent log is rotated all the same, and each of them is
	// open and looked at. A day of hourly ones. A guess.
	mostEmpty = 24
)

// Tail is a file that grows. Read returns what was appended and waits where there
// is nothing; ErrNewFile where the file was truncated, or replaced by another
// under its name; a *CutError in its place where more of the truncated file was seen
// than read; a *MissedError where a file came and went that could not be opened; and
// the error of its context when that ends.
//
//  1. Each Read looks at the file and at its name, and so does Watch, for the time that nobody reads, as while a server is away.
//  2. A look opens the file that has the name, if it is another one and there is Room. So it is kept, however often it is
//     renamed until its turn comes.
//  3. Read goes on with the next of these files when the one before it is silent, but stays while only empty ones wait, and
//     few: the writer of a file that was renamed goes on until it is told to open the new one.
//
// What is written and truncated away again between two looks cannot be seen, nor a
// file that came and was renamed between two looks.
type Tail struct {
	ctx  context.Context
	path string
	room *Room

	mu     sync.Mutex    // guards what follows
	files  []*generation // that have or had the name: the first is read, the others wait; none after Close
	quiet  time.Time     // since when a file with something in it has waited while the first brought nothing; zero: none does
	barred fs.FileInfo   // of a file that has the name and is not open: no room, or it failed; nil: there is none
	since  time.Time     // when opening that file failed first
	missed int           // files with something in them that could not be opened as long as they had the name
}

// MissedError tells of files that had the name and could not be opened before they were renamed or removed. The file that
// is read goes on.
type MissedError struct {
	Files int
}

func (m *MissedError) Error() string {
	return fmt.Sprintf("%d files were renamed or removed before they could be opened: replay what was rotated, or their lines are lost", m.Files)
}

// Follow opens a file that must be there; Close closes it. Several Tails may share the room.
func Follow(ctx context.Context, path string, room *Room) (*Tail, error) {
	first := &generation{}
	if err := first.open(path); err != nil {
		return nil, err // it names the file
	}
	return &Tail{ctx: ctx, path: path, room: room, files: []*generation{first}}, nil
}

// Close closes all that is open.
func (t *Tail) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, g := range t.files {
		_ = g.Close() // it was only read
		g.leave(t.room)
	}
	t.files = nil
	return nil
}

// ModTime is when the file was last written to: about now, for what was just read.
func (t *Tail) ModTime() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := t.files[0].Stat()
	if err != nil {
		return time.Now()
	}
	return info.ModTime()
}

// Watch looks at the file and at the name until the context ends, also while nobody reads.
func (t *Tail) Watch() {
	for t.wait() == nil {
		t.mu.Lock()
		if len(t.files) > 0 {
			_ = t.lookLocked() // an error that stays is seen by Read, too
		}
		t.mu.Unlock()
	}
}

// Read implements io.Reader.
func (t *Tail) Read(p []byte) (int, error) {
	for {
		if n, err := t.come(p); n > 0 || err != nil {
			return n, err
		}
		if err := t.wait(); err != nil {
			return 0, err
		}
	}
}

// come is Read without the wait: it returns 0 and no error if nothing has come.
func (t *Tail) come(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.files) == 0 {
		return 0, fs.ErrClosed
	}
	g := t.files[0]
	n, err := g.ReadAt(p, g.offset)
	if err != nil && err != io.EOF {
		return 0, err
	}
	unnamed := t.lookLocked()
	switch {
	case g.failed != nil:
		return 0, g.failed
	case g.anew:
		t.quiet = time.Time{}
		return 0, g.restart()
	case n > 0:
		t.quiet = time.Time{}
		g.took(p[:n])
		return n, nil
	case t.missed > 0:
		missed := &MissedError{t.missed}
		t.missed = 0
		return 0, missed
	case unnamed != nil || len(t.files) == 1 && t.barred == nil:
		return 0, unnamed
	case !t.settledLocked() || len(t.files) == 1:
		return 0, nil
	}
	_ = g.Close() // it was only read
	t.files, t.quiet = t.files[1:], time.Time{}
	t.files[0].leave(t.room)
	return 0, ErrNewFile
}

// settledLocked tells whether the file that is read has been silent for so long that the next one may be read.
func (t *Tail) settledLocked() bool {
	if t.emptyLocked() {
		return false
	}
	if t.quiet.IsZero() {
		t.quiet = time.Now()
	}
	return time.Since(t.quiet) >= settle
}

// emptyLocked tells that the files which wait are empty, and not too many. Nothing is to be read there yet, and whoever writes may
// not have been told of them.
func (t *Tail) emptyLocked() bool {
	if len(t.files) > mostEmpty+1 || len(t.files) > 1 && t.barred != nil { // or there is no room for the file that has the name
		return false
	}
	for _, g := range t.files[1:] {
		if g.size > 0 || g.failed != nil { // whoever reads it is told why
			return false
		}
	}
	return t.barred == nil || t.barred.Mode().IsRegular() && t.barred.Size() == 0
}

func (t *Tail) wait() error {
	select {
	case <-time.After(poll):
		return nil
	case <-t.ctx.Done():
		return t.ctx.Err()
	}
}
