package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"ingot/publisher/internal/ingottest"
)

func TestNothingOfANastyFileIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		network := ingottest.Network(t, srv)
		path := written(t, "nasty.log", nasty)
		exit, o := replayed(t, t.Context(), network, "", "--concurrency=1", "--source=here", path)
		want := lineCounts{Lines: 10, Blank: 2, Whole: 7, Split: 1, Pieces: 2, Base64: 2}
		if exit != exitOK || o.Lines != want || o.Stored != 9 || o.Audit == nil || o.Audit.Found != 9 {
			t.Errorf("exit %d, lines %+v, audit %+v, %+v", exit, o.Lines, o.Audit, o.Report)
		}
		var text strings.Builder
		for _, r := range rowsOf(t, srv) {
			if r.topic != "nasty" || r.source != "here" || r.timestamp != "2025-03-04T05:06:07Z" {
				t.Errorf("%+v", r)
			}
			text.WriteString(r.text(t))
			if r.Part != 1 {
				text.WriteByte('\n')
			}
		}
		lines := strings.Split(nasty, "\n")
		lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" || l == "\r" })
		if text.String() != strings.Join(lines, "\n")+"\n" {
			t.Errorf("the rows are\n%.300q", text.String())
		}
		if exit, o = replayed(t, t.Context(), network, "", "--source=here", "--timestamp=2025-01-01T00:00:00Z", path); exit != exitOK || o.Duplicates != 9 || o.Stored != 0 {
			t.Errorf("again: exit %d, %+v", exit, o)
		}
	})
}

func TestEventsGoAsTheyAre(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{Invalid: func(e ingottest.Event) bool { return e.ID == "sixth" }}
		path := written(t, "events.ndjson", strings.Join([]string{
			"", fmt.Sprintf(aEvent, "first", 1) + "\r", "  ", fmt.Sprintf(aEvent, "first", 1),
			fmt.Sprintf(aEvent, "first", 2), fmt.Sprintf(aEvent, "sixth", 6), `{"broken`, "text", fmt.Sprintf(aEvent, "last", 9),
		}, "\n"))
		exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), "", path)
		if exit != exitBad || o.Lines.Blank != 2 || o.Lines.Refused != 3 || o.Stored != 2 || o.Duplicates != 1 || o.Invalid != 1 || o.Audit.Found != 2 {
			t.Errorf("exit %d, %+v, audit %+v", exit, o, o.Audit)
		}
		for n, want := range []string{":5: refused: it has the same key as ", ":7: refused: at byte", ":8: refused: ", `events.ndjson:6: "payload": injected: the test does not like it`} {
			if n >= len(o.Named) || !strings.Contains(o.Named[n], want) {
				t.Errorf("named %q, want %q", o.Named, want)
			}
		}
		srv.Each(func(e ingottest.Event) {
			if n := map[string]string{"first": `{"n": 1.0}`, "last": `{"n": 9.0}`}[e.ID]; e.Payload != n {
				t.Errorf("payload of %s is %s", e.ID, e.Payload)
			}
		})
	})
}

// TestAFileThatBeginsWithALargeEvent is a file of events all the same: that one is refused, by the flag that would let it
// pass, and the others go as they are.
func TestAFileThatBeginsWithALargeEvent(t *testing.T) {
	t.Parallel()
	large := `"event_id":"large","topic":"t","source":"s","timestamp":"2025-01-01T00:00:00Z","payload":"` + strings.Repeat("x", 300<<10) + `"}`
	for _, first := range []string{"{" + large, "\ufeff { " + large} {
		synctest.Test(t, func(t *testing.T) {
			text := first + "\n" + fmt.Sprintf(aEvent, "good", 1) + "\n"
			exit, o := replayed(t, t.Context(), ingottest.Network(t, &ingottest.Server{}), text, "-")
			if exit != exitBad || o.Files[0].Format != "events" || o.Lines.Refused != 1 || o.Stored != 1 || !strings.Contains(o.Named[0], "set a larger --max-payload") {
				t.Errorf("%.20s: exit %d, %+v", first, exit, o)
			}
			if exit, o = replayed(t, t.Context(), ingottest.Network(t, &ingottest.Server{}), text, "-", "--max-payload=400000"); exit != exitOK || o.Stored != 2 {
				t.Errorf("%.20s with a larger --max-payload: exit %d, %+v", first, exit, o)
			}
		})
	}
	for _, first := range []string{`{"event_id":"1"`, `{"data":{"event_id":"1","topic":"t"}`, `["event_id","topic"`, `"event_id","topic"`, `{"event_id":"1" "topic":"t"`} {
		synctest.Test(t, func(t *testing.T) {
			text := first + `,"payload":"` + strings.Repeat("x", 300<<10) + "\n"
			if exit, o := replayed(t, t.Context(), ingottest.Network(t, &ingottest.Server{}), text, "-"); exit != exitOK || o.Files[0].Format != "lines" {
				t.Errorf("%s: exit %d, %+v", first, exit, o)
			}
		})
	}
}

// TestAFileNamedInBytes: a name is what the system says, UTF-8 or not.
func TestAFileNamedInBytes(t *testing.T) {
	t.Parallel()
	path := written(t, "caf\xe9.log", "x\n")
	synctest.Test(t, func(t *testing.T) {
		network := ingottest.Network(t, &ingottest.Server{})
		if exit, o := replayed(t, t.Context(), network, "", path, "--topic=cafe"); exit != exitOK || o.Stored != 1 {
			t.Errorf("exit %d, %+v", exit, o)
		}
		if exit, _, stderr := command(t.Context(), network, "replay", "--url=http://ingot", path); exit != exitBad || !strings.Contains(stderr, "--topic") {
			t.Errorf("no topic: exit %d, %s", exit, stderr)
		}
	})
}

// TestAFileOfAnotherAge: where no server takes the time of its lines, the flag that names
// another is told. Events have their own.
func TestAFileOfAnotherAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lines, events := written(t, "old.log", "a\nb\n"), written(t, "old.ndjson", fmt.Sprintf(aEvent, "e", 1))
		at := time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)
		for _, path := range []string{lines, events} {
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
		network := ingottest.Network(t, &ingottest.Server{})
		exit, o := replayed(t, t.Context(), network, "", lines, events)
		if exit != exitBad || o.Lines.Refused != 2 || o.Stored != 1 || !strings.Contains(o.Named[0], "modified in 1960") || !strings.Contains(o.Named[0], "--timestamp") {
			t.Errorf("exit %d, %+v", exit, o)
		}
		if exit, o := replayed(t, t.Context(), network, "", lines, "--timestamp=2025-01-01T00:00:00Z"); exit != exitOK || o.Stored != 2 {
			t.Errorf("with a timestamp: exit %d, %+v", exit, o)
		}
	})
}

func TestTheEndOfTheInputIsHowAPipeEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), "a\nb\n", "-", "--topic=piped", "--timestamp=2025-06-07T08:09:10+02:00")
		if exit != exitOK || o.Stored != 2 || o.Files[0] != (fileSaid{"stdin", "lines", "piped", o.Files[0].Run}) {
			t.Errorf("exit %d, %+v", exit, o)
		}
		for _, r := range rowsOf(t, srv) {
			if r.topic != "piped" || r.timestamp != "2025-06-07T06:09:10Z" {
				t.Errorf("%+v", r)
			}
		}
	})
}

// TestTheSameLinesAgain are the same events where they come from the same file of the same source, or the same run of a pipe.
// Anything else is another line that says the same: none may be lost as a duplicate.
func TestTheSameLinesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const text = "cron started\nbackup failed\n"
		path := written(t, "cron.log", text)
		opened, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		descriptor := fmt.Sprintf("/dev/fd/%d", opened.Fd())
		network := ingottest.Network(t, &ingottest.Server{})
		for _, c := range []struct {
			name   string
			stored int
			args   []string
		}{
			{"a file", 2, []string{path, "--source=h1"}},
			{"again", 0, []string{path, "--source=h1"}},
			{"of another source", 2, []string{path, "--source=h2"}},
			{"a pipe", 2, []string{"-"}},
			{"another one", 2, []string{"-"}},
			{"a run", 2, []string{"-", "--run=r"}},
			{"again", 0, []string{"-", "--run=r"}},
			{"another run", 2, []string{"-", "--run=s"}},
			{"a file that has only a number here", 2, []string{descriptor}},
			{"the next of that number", 2, []string{descriptor}},
			{"one that is followed", 2, []string{descriptor, "--follow"}},
			{"the next one", 2, []string{descriptor, "--follow"}},
		} {
			ctx, interrupt := context.WithTimeout(t.Context(), time.Minute) // ends only --follow
			exit, o := replayed(t, ctx, network, text, c.args...)
			interrupt()
			if exit != exitOK || o.Stored != c.stored || o.Stored+o.Duplicates != 2 {
				t.Errorf("%s: exit %d, %+v", c.name, exit, o)
			}
			said := o.Files[0].Run
			if (c.args[0] != path) != (said != "" && strings.Contains(strings.Join(o.Notes, "\n"), "--run="+said)) {
				t.Errorf("%s: the run %q, and noted is %q", c.name, said, o.Notes)
			}
		}
	})
}

// TestPipesOfOneCall have one run, so that one --run sends all of them again.
func TestPipesOfOneCall(t *testing.T) {
	t.Parallel()
	network := ingottest.Network(t, &ingottest.Server{})
	send := func(more ...string) replayOutcome {
		args := []string{"-", namedPipe(t, "other")}
		go func() { _ = os.WriteFile(args[1], []byte("x\n"), 0o600) }() // ends when it is read
		_, o := replayed(t, t.Context(), network, "x\n", append(args, more...)...)
		return o
	}
	first := send()
	if again := send("--run=" + first.Files[1].Run); first.Stored != 2 || again.Stored != 0 || again.Duplicates != 2 {
		t.Errorf("%+v\nagain: %+v", first, again)
	}
}

// TestManyLines: batches are full, bodies bounded, and faults cost nothing.
func TestManyLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{Fault: func(n int) ingottest.Fault {
			return []ingottest.Fault{ingottest.None, ingottest.Busy, ingottest.CutAfter, ingottest.LostStored}[n%4]
		}}
		var text strings.Builder
		for n := range 4_000 {
			fmt.Fprintf(&text, "line %d\n", n%7)
		}
		exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), "", "--batch=100", written(t, "many.log", text.String()))
		if exit != exitOK || srv.Rows() != 4_000 || o.UniqueEvents != 4_000 || o.SendsDone != 4_000 || o.Audit.Found != 4_000 {
			t.Errorf("exit %d, %d rows, %+v", exit, srv.Rows(), o)
		}
		long := strings.Repeat(strings.Repeat("x", 200_000)+"\n", 60) // 12 MB
		srv = &ingottest.Server{}
		exit, o = replayed(t, t.Context(), ingottest.Network(t, srv), "", written(t, "long.log", long), "--audit-limit=10")
		if exit != exitOK || srv.Rows() != 60 || srv.Requests() != 3 || o.Audit.Found != 10 || len(o.Notes) != 1 {
			t.Errorf("exit %d, %d rows in %d requests, %+v", exit, srv.Rows(), srv.Requests(), o)
		}
	})
}

// TestAFileThatIsTruncated while it is read is told, and no line is sent that it has cut.
func TestAFileThatIsTruncated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		line := strings.Repeat("x", 999)
		path := written(t, "a.log", strings.Repeat(line+"\n", 1000)) // several times what is read at once
		var once sync.Once
		srv := &ingottest.Server{Keep: func(e ingottest.Event) []ingottest.Event {
			once.Do(func() {
				if err := os.Truncate(path, 0); err != nil {
					t.Error(err)
				}
			})
			if !strings.Contains(e.Payload, line) {
				t.Errorf("a part of a line is sent: %s", e.Payload)
			}
			return []ingottest.Event{e}
		}}
		exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), "", "--batch=1", "--concurrency=1", path)
		if exit != exitBad || !strings.Contains(o.Problems["read"], "a.log: it was truncated after ") || o.Lines.Lines != srv.Rows() || o.Lines.Pending == 0 {
			t.Errorf("exit %d, %d rows, %+v", exit, srv.Rows(), o)
		}
	})
}

// TestAFileThatCannotBeReadToItsEnd: what came before is sent, and the exit code says that there was more.
func TestAFileThatCannotBeReadToItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		var out bytes.Buffer
		exit := run(t.Context(), []string{"replay", "--url=http://ingot", "-"}, surroundings{
			stdin:  io.MultiReader(strings.NewReader("a\nb\n"), iotest.ErrReader(errors.New("input/output error"))),
			stdout: &out, stderr: io.Discard, transport: ingottest.Network(t, srv),
		})
		if exit != exitBad || srv.Rows() != 2 || !strings.Contains(out.String(), "problem    read: read stdin: input/output error\nnote       not everything was read") ||
			!strings.Contains(out.String(), "\noutcome    failed: see the problem\n") {
			t.Errorf("exit %d, %d rows\n%s", exit, srv.Rows(), out.String())
		}
	})
}
