package torture

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"

	"ingot/torture/internal/oracle"
)

// stormStream follows server-sent events from one ingester, or from each in turn. It
// hangs up again and again, and goes on by Last-Event-ID, if it is not cut before.
type stormStream struct {
	name string
	from []*stormIngester

	asker  *stormAsker
	random *rand.Rand
	place  string // the last id
	seen   int
	breaks int
}

func (f *stormStream) String() string { return f.name }

func (f *stormStream) follow(s *storm) (seen int, ended bool) {
	f.asker, f.random = s.newAsker(f.name), s.randomOf(f.name)
	defer f.asker.close()
	for n := 0; s.ctx.Err() == nil; n++ {
		from := f.from[n%len(f.from)]
		if s.reading.Err() != nil && f.atEnd(from) {
			s.Logf("%s: %d rows, %d breaks", f.name, f.seen, f.breaks)
			return f.seen, true
		}
		if err := f.some(s, from); err != nil {
			f.asker.stuck(f.seen, err)
		}
		f.breaks++
	}
	return f.seen, false
}

// atEnd asks for a page: a stream does not say that there is no more.
func (f *stormStream) atEnd(from *stormIngester) bool {
	rows, next, err := f.asker.page(from, f.place, 1)
	if err != nil {
		f.asker.stuck(f.seen, err)
	}
	return err == nil && len(rows) == 0 && next == f.place
}

// some reads some blocks. At the end of the storm those that come before an idle one.
func (f *stormStream) some(s *storm, from *stormIngester) error {
	request := f.asker.request("GET", from, "/events/stream?after=beginning", "")
	if f.place != "" {
		request.Header.Set("Last-Event-ID", f.place)
	}
	got, err := f.asker.open(request)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	lines := bufio.NewReader(got.Body)
	for n := range 5 + f.random.IntN(200) {
		b, err := readBlock(lines)
		var gone *goneError
		switch {
		case errors.As(err, &gone):
			f.asker.refused(gone.told)
			return err
		case err != nil:
			return err
		case b.data == "" && n > 0 && s.reading.Err() != nil: // the first says where it begins
			f.place = b.id
			return nil
		case b.data != "":
			if err := f.take(s, b.data); err != nil {
				return err
			}
		}
		f.place = b.id
	}
	return nil
}

func (f *stormStream) take(s *storm, data string) error {
	var e shownEvent
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		s.history.Violate("every answer fits its request", fmt.Sprintf("%s: %v: %.300s", f.name, err, data))
		return err
	}
	s.feed.Saw(f.name, f.seen, []oracle.Row{e.row()})
	f.seen++
	s.read.Add(1)
	return nil
}

// openStream has the ingester read for a stream.
func (s *storm) openStream(i *stormIngester) {
	got, err := i.http.Get(i.url("/events/stream"))
	if err != nil {
		return
	}
	defer got.Body.Close()
	lines := bufio.NewReader(got.Body)
	for range 3 { // its place, and two that came for the time
		if _, err := readBlock(lines); err != nil {
			return
		}
	}
}
