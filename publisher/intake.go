package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"ingot/internal/event"
	"ingot/publisher/internal/lines"
	"ingot/publisher/internal/record"
	"ingot/publisher/internal/tally"
)

// item is an event on its way from a file to a batch.
type item struct {
	record.Record
	index int // in the memory; negative: not remembered
	file  *file
}

// intake reads the files and knows what became of every line.
type intake struct {
	files  []*file
	memory memory
	tally  *tally.Tally
	items  chan item                        // from the readers to the dealer; closed when all have ended
	ctx    context.Context                  // of the readers, and of what they wait for
	stop   func()                           // ends ctx: nobody takes items any more
	say    func(format string, args ...any) // tells at once what the report will tell; nil: the report is soon enough

	watchers sync.WaitGroup // of the files that are followed; awaited in close

	mu      sync.Mutex // guards what follows
	counts  lineCounts
	named   []string // refused lines, and lines whose events were not acknowledged
	final   finalCounts
	cuts    int   // how often a file was truncated that was not read to its end
	missed  int   // files that were renamed or removed before they could be opened
	ends    int   // files that were read to their end
	failure error // of reading
}

// start reads the files one after the other, or all at once if each is true. The caller waits for the group that
// start returns, after stop.
func (in *intake) start(each bool) *sync.WaitGroup {
	var all, readers sync.WaitGroup
	if each {
		for _, f := range in.files {
			readers.Go(func() { in.read(f) }) // stops with in.ctx
		}
	} else {
		readers.Go(func() { // stops with the last file, or with in.ctx
			for _, f := range in.files {
				in.read(f)
			}
		})
	}
	all.Go(func() { // stops when the readers have
		readers.Wait()
		close(in.items)
	})
	return &all
}

// watch starts a goroutine for each file that is followed, which looks at the file while nobody reads it.
func (in *intake) watch() {
	for _, f := range in.files {
		if t, grows := f.src.(*lines.Tail); grows {
			in.watchers.Go(t.Watch) // stops with in.ctx, awaited in close
		}
	}
}

func (in *intake) read(f *file) {
	f.begin()
	defer f.leave()
	for in.ctx.Err() == nil {
		l, err := f.lines.Next()
		if in.lost(f, err) {
			continue
		}
		if err != nil {
			in.ended(f, err)
			return
		}
		if !in.line(f, l) {
			return
		}
	}
}

func (in *intake) ended(f *file, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.counts.Pending += f.lines.Pending()
	switch {
	case errors.Is(err, io.EOF):
		in.ends++
	case in.ctx.Err() == nil:
		failure := fmt.Errorf("read %s: %w", f.name, err)
		in.failure = errors.Join(in.failure, failure)
		in.tell(failure.Error() + ": the rest of it is not sent")
	}
}

// lost reports whether err says that lines are lost although the file goes on, and if so tells of them.
func (in *intake) lost(f *file, err error) bool {
	missed, isMissed := errors.AsType[*lines.MissedError](err)
	_, isCut := errors.AsType[*lines.CutError](err)
	if !isMissed && !isCut {
		return false
	}
	in.mu.Lock()
	if isCut {
		in.cuts++
	} else {
		in.missed += missed.Files
	}
	in.mu.Unlock()
	in.name(f.name + ": " + err.Error())
	return true
}

// line makes one line, or piece, into an event. It reports whether to go on.
func (in *intake) line(f *file, l lines.Line) bool {
	if l.Part == 1 && blank(l.Text) && l.Last {
		in.count(func(c *lineCounts) { c.Lines++; c.Blank++ })
		return true
	}
	if f.format == "auto" {
		f.format = "lines"
		if record.IsEvent(l) {
			f.format = "events"
		}
	}
	if f.now != nil {
		f.origin.Timestamp = f.now()
	}
	if f.format == "events" {
		return in.event(f, l)
	}
	return in.text(f, l)
}

// blank tells whether a line has no bytes, also where lines end in CR LF. Of text, a line of spaces is not blank.
func blank(text []byte) bool { return len(text) == 0 || len(text) == 1 && text[0] == '\r' }

func (in *intake) text(f *file, l lines.Line) bool {
	if at := f.origin.Timestamp; !inRange(at) {
		if l.Part == 1 {
			in.refuse(f, l.Number, fmt.Errorf("the file was modified in %d, but timestamps must be in the years %d to %d: set one with --timestamp", at.UTC().Year(), event.MinYear, event.MaxYear))
		}
		return true
	}
	r, used := f.origin.Text(l)
	if used < len(l.Text) {
		f.lines.(*lines.Reader).Unread(len(l.Text) - used) // elements are never text
	}
	return in.take(f, r)
}

func (in *intake) event(f *file, l lines.Line) bool {
	if l.Part > 1 {
		return true // refused with its first piece
	}
	if len(bytes.TrimSpace(l.Text)) == 0 {
		in.count(func(c *lineCounts) { c.Lines++; c.Blank++ })
		return true
	}
	r, err := f.origin.Event(l)
	if err != nil {
		in.refuse(f, l.Number, err)
		return true
	}
	return in.take(f, r)
}

// take hands an event to the dealer. It is counted when the dealer has it.
func (in *intake) take(f *file, r record.Record) bool {
	r.Size = f.progress(r.Size)
	i, other := in.memory.add(f, r)
	if other != nil {
		in.refuse(f, r.Line, fmt.Errorf("it has the same key as %s, but different content", other.file.where(other.line)))
		return true
	}
	select {
	case in.items <- item{Record: r, index: i, file: f}:
		in.count(func(c *lineCounts) { c.event(r) })
		return true
	case <-in.ctx.Done():
		return false
	}
}

// total is the size of all files, 0 if that is not known.
func (in *intake) total() (n int64) {
	for _, f := range in.files {
		if f.size == 0 {
			return 0
		}
		n += f.size
	}
	return n
}

func (in *intake) close() {
	in.stop()
	in.watchers.Wait()
	for _, f := range in.files {
		f.close()
	}
}
