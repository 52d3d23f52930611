package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"ingot/publisher/internal/audit"
	"ingot/publisher/internal/ingottest"
	"ingot/publisher/internal/tally"
)

// written makes a file of that name and text, modified at a known time.
func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	return path
}

// replayed runs replay with --json and reads the report.
func replayed(t *testing.T, ctx context.Context, transport http.RoundTripper, stdin string, args ...string) (int, replayOutcome) {
	t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"replay", "--json", "--url=http://ingot"}, args...)
	exit := run(ctx, args, surroundings{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs, transport: transport})
	var o replayOutcome
	if err := json.Unmarshal(out.Bytes(), &o); err != nil {
		t.Fatalf("exit %d, report is no JSON: %v\n%s%s", exit, err, out.String(), errs.String())
	}
	l := o.Lines
	if errs := errs.String(); strings.Contains(errs, "publisher: ") && !slices.Contains(args, "--follow") {
		t.Errorf("the report tells all there is, and stderr: %s", errs)
	}
	if exit != o.ExitCode || l.Lines != l.Blank+l.Refused+l.Whole+l.Split || o.SendsPlanned != l.Whole+l.Pieces {
		t.Errorf("exit %d, the counts do not add up: %+v", exit, o)
	}
	return exit, o
}

// row is a row with its payload taken apart.
type row struct {
	topic, source, timestamp string
	Message                  *string
	Base64                   *string `json:"message_base64"`
	Line                     int64
	Part                     int
}

func rowsOf(t *testing.T, srv *ingottest.Server) (rows []row) {
	t.Helper()
	srv.Each(func(e ingottest.Event) {
		r := row{topic: *e.Topic, source: *e.Source, timestamp: *e.Timestamp}
		if err := json.Unmarshal(e.Payload, &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	})
	return rows
}

func (r row) text(t *testing.T) string {
	t.Helper()
	if r.Message != nil {
		return *r.Message
	}
	b, err := base64.StdEncoding.DecodeString(*r.Base64)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// nasty holds all that a text file may: Latin-1, NUL, CR LF, a lone CR, blank
// lines of both kinds, a line of 300 KiB and no line feed at the end.
var nasty = "plain\ncaf\xe9\nnul\x00nul\n\nends in CR LF\r\n\r\nlone\rCR\n   \n" + strings.Repeat("0123456789abcdef", 300<<10/16) + "\nno line feed"

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
		if exit, o = replayed(t, t.Context(), network, "", "--source=elsewhere", path); exit != exitOK || o.Duplicates != 9 || o.Stored != 0 {
			t.Errorf("again: exit %d, %+v", exit, o)
		}
	})
}

const aEvent = `{"topic":"t","event_id":"%s","timestamp":"2025-01-01T00:00:00Z","source":"s","payload":{"n": %d.0}}`

func TestEventsGoAsTheyAre(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{Invalid: func(e ingottest.Event) bool { return *e.ID == "sixth" }}
		path := written(t, "events.ndjson", strings.Join([]string{
			"", fmt.Sprintf(aEvent, "first", 1) + "\r", "  ", fmt.Sprintf(aEvent, "first", 1),
			fmt.Sprintf(aEvent, "first", 2), fmt.Sprintf(aEvent, "sixth", 6), `{"broken`, "text", fmt.Sprintf(aEvent, "last", 9),
		}, "\n"))
		exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), "", path)
		if exit != exitBad || o.Lines.Blank != 2 || o.Lines.Refused != 3 || o.Stored != 2 || o.Duplicates != 1 || o.Invalid != 1 || o.Audit.Found != 2 {
			t.Errorf("exit %d, %+v, audit %+v", exit, o, o.Audit)
		}
		for n, want := range []string{":5: refused: it has the key of ", ":7: refused: at byte", ":8: refused: ", `events.ndjson:6: "payload": injected: the test does not like it`} {
			if n >= len(o.Named) || !strings.Contains(o.Named[n], want) {
				t.Errorf("named %q, want %q", o.Named, want)
			}
		}
		srv.Each(func(e ingottest.Event) {
			if n := map[string]string{"first": `{"n": 1.0}`, "last": `{"n": 9.0}`}[*e.ID]; string(e.Payload) != n {
				t.Errorf("payload of %s is %s", *e.ID, e.Payload)
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
			if exit != exitBad || o.Files[0].Format != "events" || o.Lines.Refused != 1 || o.Stored != 1 || !strings.Contains(o.Named[0], "a larger --max-payload sends it") {
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

// TestARefusedLineFailsTheReplay, and hurts no other.
func TestARefusedLineFailsTheReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		text := fmt.Sprintf(aEvent, "good", 1) + "\nno event\n" + strings.Repeat("x", 400_000) + "\n" + fmt.Sprintf(aEvent, "too", 2)
		exit, o := replayed(t, t.Context(), ingottest.Network(t, &ingottest.Server{}), text, "-")
		if exit != exitBad || o.Lines.Refused != 2 || o.Stored != 2 || o.Lines.Lines != 4 || !strings.Contains(o.Named[1], "stdin:3: refused: it has more than") {
			t.Errorf("exit %d, %+v", exit, o)
		}
	})
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
		if exit != exitOK || o.Stored != 2 || o.Files[0] != (fileSaid{"stdin", "lines", "piped"}) {
			t.Errorf("exit %d, %+v", exit, o)
		}
		for _, r := range rowsOf(t, srv) {
			if r.topic != "piped" || r.timestamp != "2025-06-07T06:09:10Z" {
				t.Errorf("%+v", r)
			}
		}
	})
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
			if !strings.Contains(string(e.Payload), line) {
				t.Errorf("a part of a line is sent: %s", e.Payload)
			}
			return []ingottest.Event{e}
		}}
		exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), "", "--batch=1", "--concurrency=1", path)
		if exit != exitBad || !strings.Contains(o.Problems["read"], "a.log: it was truncated, and ") || o.Lines.Lines != srv.Rows() || o.Lines.Pending == 0 {
			t.Errorf("exit %d, %d rows, %+v", exit, srv.Rows(), o)
		}
	})
}

// TestWhatIsNotRemembered is not told as audited, nor as if there were none of it.
func TestWhatIsNotRemembered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ flag, unique, says string }{
		{"--audit-limit=3", "  unique events             3\n", "outcome    ok: every line is there, once, as it was sent\n"},
		{"--audit-limit=2", "  unique events             2   among those remembered; 1 sends are not\n", "outcome    ok: every line was acknowledged, and those audited"},
		{"--audit-limit=0", "  unique events             0   among those remembered; 3 sends are not\n", "outcome    ok, not audited\n"},
		{"--no-audit", "  unique events             0   among those remembered; 3 sends are not\n", "outcome    ok, not audited\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			exit, stdout, stderr := command(t.Context(), ingottest.Network(t, &ingottest.Server{}), "replay", "--url=http://ingot", written(t, "a.log", "one\ntwo\nthree\n"), c.flag)
			if exit != exitOK || !strings.Contains(stdout, c.unique) || !strings.Contains(stdout, c.says) {
				t.Errorf("%s: exit %d\n%s%s", c.flag, exit, stdout, stderr)
			}
		})
	}
}

func TestADishonestServerFailsTheReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{Keep: func(e ingottest.Event) []ingottest.Event {
			switch {
			case strings.Contains(string(e.Payload), "lost"):
				return nil
			case strings.Contains(string(e.Payload), "changed"):
				e.Payload = []byte(`{"message":"other"}`)
			}
			return []ingottest.Event{e}
		}}
		exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), "", written(t, "a.log", "ok\nlost\nchanged\n"))
		if exit != exitBad || o.Audit.Missing != 1 || o.Audit.Different != 1 || !strings.Contains(o.Audit.Findings[0], "a.log:3: the table holds") {
			t.Errorf("exit %d, %+v", exit, o.Audit)
		}
		if exit, o = replayed(t, t.Context(), ingottest.Network(t, srv), "", written(t, "a.log", "lost\n"), "--no-audit"); exit != exitOK || o.Audit != nil {
			t.Errorf("without audit: exit %d, %+v", exit, o.Audit)
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

// TestReplayExitCodes: each thing that is wrong is enough by itself.
func TestReplayExitCodes(t *testing.T) {
	t.Parallel()
	sent := tally.Report{SendsPlanned: 2, SendsDone: 2, Stored: 2}
	unread := sent
	unread.Problems = map[string]string{"read": "x"}
	for _, c := range []struct {
		o    replayOutcome
		exit int
		says string
	}{
		{replayOutcome{Report: sent, Audit: &audit.Verdict{}}, exitOK, "ok: every line is there"},
		{replayOutcome{Report: sent}, exitOK, "ok, not audited"},
		{replayOutcome{Report: sent, Audit: &audit.Verdict{Missing: 1}}, exitBad, "failed: the database"},
		{replayOutcome{Report: tally.Report{SendsPlanned: 2, SendsDone: 2, Stored: 1, Unknown: 1}}, exitBad, "failed: 1 events were not acknowledged"},
		{replayOutcome{Report: tally.Report{SendsPlanned: 2, SendsDone: 1, Stored: 1}}, exitBad, "failed: 1 events were not acknowledged"},
		{replayOutcome{Report: sent, Lines: lineCounts{Refused: 1}}, exitBad, "failed: 1 lines were refused, all others are stored"},
		{replayOutcome{Report: unread, Lines: lineCounts{Refused: 1}}, exitBad, "failed: 1 lines were refused, all others that were read are stored: see the problem"},
		{replayOutcome{Report: tally.Report{Problems: map[string]string{"read": "x"}}}, exitBad, "failed: see the problem"},
		{replayOutcome{Interrupted: true}, exitInterrupted, "interrupted: replay again"},
	} {
		var out bytes.Buffer
		if exit := exitCode(t.Context(), c.o.finish(t.Context(), &out, false), nil); exit != c.exit || !strings.Contains(out.String(), "outcome    "+c.says) {
			t.Errorf("%+v: exit %d\n%s", c.o, exit, out.String())
		}
	}
}

// gaveUp is why four clients gave up: after four requests in a row, or, where others were refused meanwhile, three more at most.
func gaveUp(o replayOutcome) string {
	var why string
	for n := 4; n <= 7; n++ {
		if after, is := strings.CutPrefix(o.Problems["stopped"], fmt.Sprintf("gave up on %d requests in a row: ", n)); is {
			why = after
		}
	}
	return why
}

// TestAServerThatIsGoneEndsTheReplay, and one that takes nothing from this key: with --follow nobody would be told.
func TestAServerThatIsGoneEndsTheReplay(t *testing.T) {
	t.Parallel()
	for fault, says := range map[ingottest.Fault]string{ingottest.Busy: "503", ingottest.Denied: "403"} {
		for _, more := range []string{"--json", "--follow"} {
			synctest.Test(t, func(t *testing.T) {
				srv := &ingottest.Server{Fault: func(int) ingottest.Fault { return fault }}
				exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), "", "--batch=1", "--give-up-after=1m", more, written(t, "a.log", strings.Repeat("x\n", 100)))
				if exit != exitBad || o.Failed < 4 || o.Failed > 20 || !strings.HasPrefix(gaveUp(o), says) || !strings.Contains(o.Named[0], "not stored") {
					t.Errorf("%s %s: exit %d, %+v", says, more, exit, o)
				}
				// Where files have an end, the numbers of lines are not those of the files.
				if told := slices.ContainsFunc(o.Notes, func(n string) bool { return strings.HasPrefix(n, "not everything was read") }); told != (more == "--json") {
					t.Errorf("%s %s: notes %q", says, more, o.Notes)
				}
			})
		}
	}
}

// TestWhatIsNoIngotEndsTheReplay, and a key that nobody has: there is POST /publish at every Ingot. A wrong --url, or a proxy whose Ingot is not there yet,
// refuses whatever comes, and with --follow nobody would be told.
func TestWhatIsNoIngotEndsTheReplay(t *testing.T) {
	t.Parallel()
	for status, says := range map[int]string{400: "400 Bad Request", 401: "401 Unauthorized: the key goes into INGOT_KEY; ingest key makes one", 404: "404 Not Found", 405: "405 Method Not Allowed", 407: "407 Proxy Authentication Required", 421: "421 Misdirected Request", 308: "308 Permanent Redirect: to https://ingot/publish", 422: "422 Unprocessable Entity: this answer is not one of Ingot's"} {
		for _, more := range []string{"--json", "--follow"} {
			synctest.Test(t, func(t *testing.T) {
				network := ingottest.Network(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Location", "https://ingot"+r.URL.Path)
					w.WriteHeader(status)
				}))
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // in the bubble; it passes only in a test that fails
				defer cancel()
				exit, o := replayed(t, ctx, network, "", "--batch=1", more, written(t, "a.log", strings.Repeat("x\n", 100)))
				if exit != exitBad || o.Failed < 4 || o.Failed > 20 || gaveUp(o) != says {
					t.Errorf("%d %s: exit %d, %+v", status, more, exit, o)
				}
			})
		}
	}
}

// TestAnswersOfNoIngotEndTheReplay: the page of a proxy whose Ingot is away, or nothing at all, with a status that means well.
func TestAnswersOfNoIngotEndTheReplay(t *testing.T) {
	t.Parallel()
	for status, says := range map[int]string{200: "read answer 200: invalid character '<'", 202: "202 <html>", 204: "204 No Content"} {
		for _, more := range []string{"--json", "--follow"} {
			synctest.Test(t, func(t *testing.T) {
				network := ingottest.Network(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(status)
					_, _ = io.WriteString(w, "<html>") // a 204 has no body
				}))
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // as above
				defer cancel()
				exit, o := replayed(t, ctx, network, "", "--batch=1", "--no-audit", more, written(t, "a.log", strings.Repeat("x\n", 100)))
				if exit != exitBad || o.Unknown < 4 || o.Unknown > 20 || !strings.HasPrefix(gaveUp(o), says) {
					t.Errorf("%d %s: exit %d, %+v", status, more, exit, o)
				}
			})
		}
	}
}

// TestTheLastLineOfAReplay says what to do: to replay again is of use only where
// something else than what is sent stood in the way.
func TestTheLastLineOfAReplay(t *testing.T) {
	t.Parallel()
	const again = "; replay again, what is stored will be a duplicate"
	script := func(faults ...ingottest.Fault) func(int) ingottest.Fault {
		return func(n int) ingottest.Fault { return faults[min(n, len(faults)-1)] }
	}
	for name, c := range map[string]struct {
		srv  *ingottest.Server
		args []string
		want string
	}{
		"an invalid line": {
			&ingottest.Server{Invalid: func(e ingottest.Event) bool { return *e.ID == "b" }}, nil,
			"1 events were not acknowledged; 1 are invalid: their lines have to be mended",
		},
		"an invalid line, and one that is no event": {
			&ingottest.Server{Invalid: func(e ingottest.Event) bool { return *e.ID == "b" }},
			[]string{written(t, "more.ndjson", fmt.Sprintf(aEvent, "d", 1)+"\nno event\n")},
			"1 events were not acknowledged; 1 are invalid: their lines have to be mended; 1 lines more were refused before they were sent",
		},
		"too large a request": {
			&ingottest.Server{Fault: script(ingottest.TooLarge)}, nil,
			"3 events were not acknowledged; 3 were in requests larger than the server takes: their lines have to be made shorter, or lines of text cut by a smaller --max-payload",
		},
		"too large a request, after an attempt that may have stored it": {
			&ingottest.Server{Fault: script(ingottest.Lost, ingottest.TooLarge)}, nil,
			"3 events were not acknowledged; 3 were in requests larger than the server takes: a --batch of less than 1000 makes them smaller",
		},
		"too large an event": {
			&ingottest.Server{Fault: script(ingottest.TooLarge, ingottest.None)},
			[]string{"--batch=1", "--concurrency=1"},
			"1 events were not acknowledged; 1 were in requests larger than the server takes: their lines have to be made shorter, or lines of text cut by a smaller --max-payload",
		},
		"another refusal for good": {
			&ingottest.Server{Fault: script(ingottest.Denied)}, nil,
			"3 events were not acknowledged; 3 would be refused again: see the problem",
		},
		"a server that is busy": {
			&ingottest.Server{Fault: script(ingottest.Busy)}, nil, "3 events were not acknowledged" + again,
		},
		"an answer that contradicts itself": {
			&ingottest.Server{Fault: script(ingottest.Garbled)}, nil, "3 events were not acknowledged" + again,
		},
		"some of each": {
			&ingottest.Server{Fault: script(ingottest.TooLarge, ingottest.Busy), Invalid: func(ingottest.Event) bool { return true }},
			[]string{"--batch=1", "--concurrency=1"},
			"3 events were not acknowledged; 1 were in requests larger than the server takes: their lines have to be made shorter, or lines of text cut by a smaller --max-payload" + again,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				path := written(t, "e.ndjson", fmt.Sprintf(aEvent, "a", 1)+"\n"+fmt.Sprintf(aEvent, "b", 2)+"\n"+fmt.Sprintf(aEvent, "c", 3))
				exit, stdout, _ := command(t.Context(), ingottest.Network(t, c.srv), append([]string{"replay", "--url=http://ingot", path}, c.args...)...)
				if _, last, _ := strings.Cut(stdout, "outcome    failed: "); exit != exitBad || last != c.want+"\n" {
					t.Errorf("exit %d, %q, want\n%q\n%s", exit, last, c.want, stdout)
				}
			})
		})
	}
}

func TestWrongReplays(t *testing.T) {
	t.Parallel()
	dir, file := t.TempDir(), written(t, "a.log", "x\n")
	for _, c := range []struct {
		exit int
		args []string
		want string
	}{
		{exitUsage, nil, "expected \"<file> ...\""},
		{exitUsage, []string{file, "other/a.log"}, "have the same name"},
		{exitUsage, []string{"-", "other/stdin"}, "have the same name"},
		{exitUsage, []string{file, "--batch=0"}, "--batch"},
		{exitUsage, []string{file, "--max-payload=255"}, "--max-payload"},
		{exitUsage, []string{file, "--max-payload=67108865"}, "--max-payload"},
		{exitUsage, []string{file, "--audit-limit=-1"}, "--audit-limit"},
		{exitUsage, []string{file, "--timestamp=yesterday"}, "--timestamp"},
		{exitUsage, []string{file, "--timestamp=1969-01-01T00:00:00Z"}, "--timestamp"},
		{exitUsage, []string{file, "--timestamp=2200-12-31T23:59:59-05:00"}, "--timestamp"},
		{exitUsage, []string{file, "--topic=a\nb"}, "--topic"},
		{exitUsage, []string{file, "--format=csv"}, "--format"},
		{exitUsage, []string{file, "--url=localhost"}, "--url"},
		{exitBad, []string{filepath.Join(dir, "missing.log")}, "no such file"},
		{exitBad, []string{dir}, "is a folder"},
		{exitBad, []string{dir, "--follow"}, "no regular file"},
		{exitBad, []string{"/dev/null", "--follow"}, "no regular file, and does not grow: without --follow it is read to its end"},
	} {
		exit, stdout, stderr := command(t.Context(), http.DefaultTransport, append([]string{"replay"}, c.args...)...)
		if exit != c.exit || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", c.args, exit, stdout, stderr)
		}
	}
}

func TestReplayJSONNames(t *testing.T) {
	t.Parallel()
	var top map[string]json.RawMessage
	b, err := json.Marshal(replayOutcome{})
	if err != nil || json.Unmarshal(b, &top) != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]string{
		"url files lines audit named interrupted exit_code stored duplicates sends_done": string(b),
		"lines blank refused whole split pieces base64 pending":                          string(top["lines"]),
	} {
		for _, word := range strings.Fields(name) {
			if !strings.Contains(in, `"`+word+`":`) {
				t.Errorf("no %s in %s", word, in)
			}
		}
	}
}
