package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ingot/publisher/internal/audit"
	"ingot/publisher/internal/ingottest"
	"ingot/publisher/internal/tally"
)

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

// TestAServerThatRefusesNowAndThenEndsNothing: only batches in a row say that it is gone.
func TestAServerThatRefusesNowAndThenEndsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{Fault: func(n int) ingottest.Fault { return []ingottest.Fault{ingottest.Denied, ingottest.None}[n%2] }}
		exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), "", "--batch=1", "--concurrency=1", written(t, "a.log", strings.Repeat("x\n", 20)))
		if exit != exitBad || o.Failed != 10 || o.Stored != 10 || o.Problems["stopped"] != "" {
			t.Errorf("exit %d, %+v", exit, o)
		}
	})
}

// TestWhatIsNoIngotEndsTheReplay, and a key that nobody has: there is POST /publish at every Ingot. A wrong --url, or a proxy whose Ingot is not there yet,
// refuses whatever comes, and with --follow nobody would be told.
func TestWhatIsNoIngotEndsTheReplay(t *testing.T) {
	t.Parallel()
	for status, says := range map[int]string{400: "400 Bad Request", 401: "401 Unauthorized: put a key into INGOT_KEY; ingest key creates one", 404: "404 Not Found", 405: "405 Method Not Allowed", 407: "407 Proxy Authentication Required", 421: "421 Misdirected Request", 308: "308 Permanent Redirect: to https://ingot/publish", 422: "422 Unprocessable Entity: this answer does not come from Ingot"} {
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
	const again = "; replay again; what is already stored will count as duplicates"
	script := func(faults ...ingottest.Fault) func(int) ingottest.Fault {
		return func(n int) ingottest.Fault { return faults[min(n, len(faults)-1)] }
	}
	for name, c := range map[string]struct {
		srv  *ingottest.Server
		args []string
		want string
	}{
		"an invalid line": {
			&ingottest.Server{Invalid: func(e ingottest.Event) bool { return e.ID == "b" }}, nil,
			"1 events were not acknowledged; 1 are invalid: correct their lines, or what they were sent with (--topic, --max-payload, the key)",
		},
		"an invalid line, and one that is no event": {
			&ingottest.Server{Invalid: func(e ingottest.Event) bool { return e.ID == "b" }},
			[]string{written(t, "more.ndjson", fmt.Sprintf(aEvent, "d", 1)+"\nno event\n")},
			"1 events were not acknowledged; 1 are invalid: correct their lines, or what they were sent with (--topic, --max-payload, the key); 1 more lines were refused before they were sent",
		},
		"too large a request": {
			&ingottest.Server{Fault: script(ingottest.TooLarge)}, nil,
			"3 events were not acknowledged; 3 were in requests larger than the server accepts: shorten their lines, or set a smaller --max-payload, which splits lines of text",
		},
		"too large a request, after an attempt that may have stored it": {
			&ingottest.Server{Fault: script(ingottest.Lost, ingottest.TooLarge)}, nil,
			"3 events were not acknowledged; 3 were in requests larger than the server accepts: set --batch below 1000",
		},
		"too large an event": {
			&ingottest.Server{Fault: script(ingottest.TooLarge, ingottest.None)},
			[]string{"--batch=1", "--concurrency=1"},
			"1 events were not acknowledged; 1 were in requests larger than the server accepts: shorten their lines, or set a smaller --max-payload, which splits lines of text",
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
			"3 events were not acknowledged; 1 were in requests larger than the server accepts: shorten their lines, or set a smaller --max-payload, which splits lines of text" + again,
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
		{exitBad, []string{file, "--run=a"}, "--run: it names the run of a pipe, and there is none: leave it out, or to send the lines of a file once more, give them another --topic"},
		{exitBad, []string{filepath.Join(dir, "missing.log")}, "no such file"},
		{exitBad, []string{dir}, "is a folder"},
		{exitBad, []string{dir, "--follow"}, "is not a regular file"},
		{exitBad, []string{"/dev/null", "--follow"}, "is not a regular file: replay it without --follow, which reads it to its end"},
	} {
		exit, stdout, stderr := command(t.Context(), http.DefaultTransport, append([]string{"replay"}, c.args...)...)
		if exit != c.exit || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", c.args, exit, stdout, stderr)
		}
	}
}
