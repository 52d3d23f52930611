package lines

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// markBytes are remembered, to notice that a file was truncated and has grown past
// them again between two looks.
const markBytes = 256

// generation is one of the files that have had the name of a Tail.
type generation struct {
	*os.File
	offset int64
	seen   fs.FileInfo // at the last look, which told the size
	size   int64
	mark   []byte // the bytes before offset; before size, as long as nothing was read
	anew   bool   // it was truncated, and is read from its beginning again: restart tells the reader
	lost   int64  // so many bytes, at least, were truncated away unread
	failed error  // why the last look failed
	guest  bool   // it waits for its turn, and has a place in the Room
}

// Room bounds how many files may wait for their turn, over all Tails: each of them is open.
type Room struct{ left atomic.Int64 }

// NewRoom returns a Room for so many files; the one that each Tail reads takes no place in it.
func NewRoom(files int) *Room {
	r := &Room{}
	r.left.Store(int64(files))
	return r
}

func (r *Room) take() bool {
	if r.left.Add(-1) >= 0 {
		return true
	}
	r.left.Add(1)
	return false
}

func (g *generation) leave(r *Room) {
	if g.guest {
		r.left.Add(1)
	}
	g.guest = false
}

// CutError tells that a file was truncated before all of it was read. What is pending then is a part of a line. Reading goes
// on from the file's beginning.
type CutError struct {
	Unread int64 // at least so many bytes are gone
}

func (c *CutError) Error() string {
	return fmt.Sprintf("it was truncated when at least %d bytes had not been read: their lines are lost", c.Unread)
}

func (g *generation) open(path string) (err error) {
	if g.File, err = os.Open(path); err == nil {
		g.look()
	}
	return err
}

// look notices that the file was truncated, and what was lost of it.
func (g *generation) look() {
	info, err := g.Stat()
	rewound, failed := g.rewound()
	if g.failed = errors.Join(err, failed); g.failed != nil {
		return
	}
	if rewound {
		gone := g.size - g.offset
		if g.offset == 0 && info.Size() < g.size { // what is there may have been there before
			gone -= info.Size()
		}
		g.lost += max(0, gone)
		g.offset, g.anew = 0, true
	}
	g.seen, g.size = info, info.Size()
	if g.offset == 0 {
		g.mark = make([]byte, min(g.size, markBytes))
		_, _ = g.ReadAt(g.mark, g.size-int64(len(g.mark))) // what is not there any more differs at the next look
	}
}

// rewound tells whether the file was truncated: where the mark was there is nothing now, or there are other bytes.
func (g *generation) rewound() (bool, error) {
	again := make([]byte, len(g.mark))
	n, err := g.ReadAt(again, cmp.Or(g.offset, g.size)-int64(len(g.mark)))
	if err != nil && err != io.EOF {
		return false, err
	}
	return !bytes.Equal(again[:n], g.mark), nil
}

// restart returns what to tell of a truncation.
func (g *generation) restart() error {
	lost := g.lost
	g.anew, g.lost = false, 0
	if lost > 0 {
		return &CutError{lost}
	}
	return ErrNewFile
}

func (g *generation) took(p []byte) {
	if g.offset == 0 {
		g.mark = nil
	}
	g.offset += int64(len(p))
	g.mark = append(g.mark, p[max(0, len(p)-markBytes):]...)
	g.mark = g.mark[max(0, len(g.mark)-markBytes):]
}

// lookLocked looks at the files that are open, and at the name. Its error says that the file which now has the name cannot be
// read, and will not become readable.
func (t *Tail) lookLocked() error {
	for _, g := range t.files {
		g.look()
	}
	there, err := os.Stat(t.path)
	if t.barred != nil && (err != nil || !os.SameFile(t.barred, there)) {
		if t.barred.Mode().IsRegular() && t.barred.Size() > 0 {
			t.missed++
		}
		t.barred, t.since = nil, time.Time{}
	}
	if err != nil || t.hasLocked(there) {
		return nil // renamed, and the new one is not there yet; or nothing has changed
	}
	return t.openLocked(there)
}

func (t *Tail) hasLocked(there fs.FileInfo) bool {
	return slices.ContainsFunc(t.files, func(g *generation) bool {
		return g.seen != nil && os.SameFile(g.seen, there)
	})
}

// openLocked opens the file that now has the name. If there is no room, it does so only when the file that is read is about to
// be closed. Its error is that of lookLocked.
func (t *Tail) openLocked(there fs.FileInfo) error {
	t.barred = there
	guest := t.room.take()
	if turn := len(t.files) == 1 && !t.quiet.IsZero() && t.settledLocked(); !guest && !turn {
		return nil
	}
	next := &generation{guest: guest}
	err := fmt.Errorf("%s is not a regular file any more", t.path)
	if there.Mode().IsRegular() { // opening a named pipe would wait until somebody opens it to write
		if err = next.open(t.path); err == nil {
			t.files = append(t.files, next)
			t.barred, t.since = nil, time.Time{}
			return nil
		}
	}
	next.leave(t.room)
	if t.since.IsZero() {
		t.since = time.Now()
	}
	if errors.Is(err, fs.ErrNotExist) || time.Since(t.since) < closedFor { // renamed again, or perhaps not its owner's yet
		return nil
	}
	return err
}
