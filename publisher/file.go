package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"ingot/internal/event"
	"ingot/publisher/internal/content"
	"ingot/publisher/internal/lines"
	"ingot/publisher/internal/record"
	"ingot/publisher/internal/tally"
)

// eventRoom is how many bytes a line that is an event may have besides its payload: enough for the other members at
// their longest, escaped, and some more.
const eventRoom = 16 << 10

// file is one of the files to replay.
type file struct {
	name   string // as it was given
	origin record.Origin
	src    io.Reader
	held   *content.Reader // reads src, and decompresses it; nil for a file that grows
	listed bool            // it is an array of events or the like: it has elements, not lines
	window int             // bytes of a line or element that are looked at in one piece
	size   int64           // of src; 0: not known
	format string
	now    func() time.Time // tells the timestamp anew for each line; nil: that of origin stays

	// lines is set while the file is read: a *lines.Reader, or *content.Elements if the file is listed.
	lines interface {
		Next() (lines.Line, error)
		Pending() int
	}
}

// open opens every file before anything is sent. So a wrong name is told at once, and a file that is renamed
// meanwhile is read all the same. Files that are too many to be open at once are closed again: open remembers which
// file each of them is, and it is opened again when its turn comes.
func (r *replay) open(ctx context.Context, out surroundings) (*intake, error) {
	room := filesAtOnce(r.Concurrency)
	if r.Follow && len(r.Files) > room {
		return nil, fmt.Errorf("--follow keeps each file open, and %d files are %d more than this process may have open: raise ulimit -n by that many, or use several publishers", len(r.Files), len(r.Files)-room)
	}
	// A pipe has no lines that stay where they are: without a run, line 7 of today would be taken for line 7 of yesterday if both
	// say the same. All pipes of a call share one, since --run names one.
	named := r.PipeRun != ""
	r.PipeRun = cmp.Or(r.PipeRun, uuid.NewString())
	waiting := lines.NewRoom(room - len(r.Files))
	ctx, stop := context.WithCancel(ctx)
	in := &intake{memory: memory{limit: r.AuditLimit, index: map[key]int{}}, tally: tally.New(), items: make(chan item), ctx: ctx, stop: stop}
	if !r.Audit {
		in.memory.limit = 0
	}
	if r.Follow { // its report may be months away
		in.say = out.say
	}
	for n, path := range r.Files {
		f, err := r.openFile(ctx, path, out.stdin, waiting)
		if err == nil && n >= room {
			err = f.putOff()
		}
		if err != nil {
			in.close()
			return nil, err
		}
		in.files = append(in.files, f)
	}
	if named && !slices.ContainsFunc(in.files, func(f *file) bool { return f.origin.Run != "" }) {
		in.close()
		return nil, errors.New("--run: it names the run of a pipe, and there is none: leave it out, or to send the lines of a file once more, give them another --topic")
	}
	return in, nil
}

func (r *replay) openFile(ctx context.Context, path string, stdin io.Reader, waiting *lines.Room) (*file, error) {
	f := &file{name: path, format: r.Format, window: r.MaxPayload + eventRoom, origin: record.Origin{
		Name: nameOf(path), Topic: r.Topic, Source: r.Source, Limit: r.MaxPayload,
	}}
	if isDescriptor(path) {
		f.origin.Run = r.PipeRun // as for a pipe: the next file may be another of that number
	}
	var err error
	switch {
	case path == "-":
		f.name, f.src, f.origin.Timestamp, f.origin.Run = f.origin.Name, newPipe(ctx, stdin), time.Now(), r.PipeRun
	case r.Follow:
		err = f.tail(ctx, path, waiting)
	default:
		err = r.openOnce(ctx, f, path)
	}
	if err != nil {
		return nil, err
	}
	if _, grows := f.src.(*lines.Tail); !grows {
		f.held = content.NewReader(f.src, f.window, r.Follow)
	}
	if at, _ := r.timestamp(); !at.IsZero() { // Validate has checked it
		f.origin.Timestamp, f.now = at, nil
	}
	return f, f.complete()
}

func (r *replay) openOnce(ctx context.Context, f *file, path string) error {
	if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		f.src, f.origin.Timestamp, f.origin.Run = newPipe(ctx, &fifo{path: path}), info.ModTime(), r.PipeRun
		return nil
	}
	opened, err := os.Open(path)
	if err != nil {
		return err
	}
	f.src = opened
	info, err := opened.Stat()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a folder: give the files in it instead", path)
	case info.Mode().IsRegular():
		f.size = info.Size()
		f.src = &whole{File: opened, path: path, was: info}
	default:
		f.src, f.origin.Run = newPipe(ctx, opened), r.PipeRun
	}
	f.origin.Timestamp = info.ModTime()
	return nil
}

// isDescriptor tells whether a path is what the shell has opened, as by < or <<, and so names no file.
func isDescriptor(path string) bool { return path == "/dev/stdin" || filepath.Dir(path) == "/dev/fd" }

func (f *file) tail(ctx context.Context, path string, waiting *lines.Room) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("--follow: %s is not a regular file: replay it without --follow, which reads it to its end", path)
	}
	if err := content.MustGrow(path, f.format, f.window); err != nil {
		return err
	}
	t, err := lines.Follow(ctx, path, waiting)
	if err != nil {
		return err
	}
	f.src, f.now = t, t.ModTime
	return nil
}

// complete fills in what no flag has said.
func (f *file) complete() error {
	o := &f.origin
	if o.Topic == "" {
		o.Topic = strings.TrimSuffix(o.Name, filepath.Ext(o.Name))
	}
	if o.Topic == "" { // a file named .log
		o.Topic = o.Name
	}
	if !event.ValidText(o.Topic) {
		return fmt.Errorf("%q cannot be used as a topic: set one with --topic", f.name)
	}
	if o.Source != "" {
		return nil
	}
	host, err := os.Hostname()
	if err != nil || !event.ValidText(host) {
		return errors.Join(errors.New("this host has no name to use as the source: set one with --source"), err)
	}
	o.Source = host
	return nil
}

// begin sets lines: it waits for what the file begins with.
func (f *file) begin() {
	if f.held == nil {
		f.lines = lines.NewReader(f.src, f.window)
		return
	}
	if f.listed = f.held.Listed(f.format); f.listed {
		f.format, f.lines = "events", content.NewElements(f.held, f.window)
		return
	}
	f.lines = lines.NewReader(f.held, f.window)
}

// leave closes the file, and lets go of all that reading it has taken: there may be very many files.
func (f *file) leave() {
	f.close()
	f.held, f.lines = nil, nil
}

// progress is how many bytes of the file an event of size bytes of text stands for.
func (f *file) progress(size int) int {
	if f.held == nil {
		return size
	}
	return f.held.Progress(size)
}

func (f *file) close() {
	if c, ok := f.src.(io.Closer); ok {
		_ = c.Close() // it was only read
	}
}

// where names a line as editors do, and an element as jq does: from 0.
func (f *file) where(line int64) string {
	if f.listed {
		return fmt.Sprintf("%s[%d]", f.name, line-1)
	}
	return fmt.Sprintf("%s:%d", f.name, line)
}
