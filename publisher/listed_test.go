package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ingot/publisher/internal/ingottest"
)

// listedEvents is an array of events as an export has them, over many lines; the payload of the second has lines of its own.
const listedEvents = `[
  {
    "event_id": "0",
    "topic": "t",
    "source": "s",
    "timestamp": "2025-01-01T00:00:00Z",
    "payload": {"n": 0}
  },
  {
    "event_id": "1",
    "topic": "t",
    "source": "s",
    "timestamp": "2025-01-01T00:00:00Z",
    "payload": {
      "n": [
        1
      ]
    }
  }
]
`

// TestEventsThatAreNotOneALine are sent as events in each form that POST /publish takes as JSON, with the payload byte for byte, and again
// as duplicates.
func TestEventsThatAreNotOneALine(t *testing.T) {
	t.Parallel()
	inner := strings.TrimSpace(listedEvents)
	elements := inner[1 : len(inner)-1]
	for name, text := range map[string]string{
		"an array":                   listedEvents,
		"behind a byte order mark":   "\ufeff" + listedEvents,
		"behind blank lines":         "\n \r\n" + listedEvents,
		"with CR LF":                 strings.ReplaceAll(listedEvents, "}\n", "}\r\n"),
		"begun in one line":          "[" + strings.ReplaceAll(elements, "  {\n    \"event_id", "{\"event_id") + "]",
		"a list of events":           `{"events":` + inner + `}`,
		"a page of GET /events":      "{\n\"events\": " + inner + ",\n\"next_cursor\": null\n}\n",
		"objects over several lines": strings.Replace(elements, "},\n  {\n    \"event_id", "}\n  {\n    \"event_id", 1),
		"two arrays":                 strings.Replace(inner, "},\n  {\n    \"event_id", "}]\n[{\n    \"event_id", 1),
		"in gzip":                    gzipOf(t, listedEvents),
		"in zstandard":               zstdOf(t, listedEvents),
	} {
		for _, form := range []string{"auto", "events"} {
			synctest.Test(t, func(t *testing.T) {
				srv := &ingottest.Server{}
				network := ingottest.Network(t, srv)
				exit, o := replayed(t, t.Context(), network, "", "--format="+form, written(t, "export.json", text))
				if exit != exitOK || o.Stored != 2 || o.Lines != (lineCounts{Lines: 2, Whole: 2}) || o.Audit == nil || o.Audit.Found != 2 || o.Files[0].Format != "events" {
					t.Errorf("%s as %s: exit %d, %+v", name, form, exit, o)
				}
				if exit, o := replayed(t, t.Context(), network, text, "-", "--format="+form); exit != exitOK || o.Duplicates != 2 || srv.Rows() != 2 {
					t.Errorf("%s as %s, stdin: exit %d, %d rows, %+v", name, form, exit, srv.Rows(), o)
				}
				srv.Each(func(e ingottest.Event) {
					if want := map[string]string{"0": `{"n": 0}`, "1": "{\n      \"n\": [\n        1\n      ]\n    }"}[e.ID]; e.Payload != want {
						t.Errorf("%s: the payload is %q, want %q", name, e.Payload, want)
					}
				})
			})
		}
	}
}

// TestAnEventWithQuotesInItsFirstLine goes on in the next: a bracket in a text opens nothing. An event has its own id, so that the run
// of its pipe tells nothing.
func TestAnEventWithQuotesInItsFirstLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const text = `{"payload":{"\"{\\":0},` + "\n" + `"event_id":"0","topic":"t","source":"s","timestamp":"2025-01-01T00:00:00Z"}`
		exit, o := replayed(t, t.Context(), ingottest.Network(t, &ingottest.Server{}), text, "-")
		if exit != exitOK || o.Files[0].Format != "events" || o.Stored != 1 || o.Files[0].Run != "" {
			t.Errorf("exit %d, %+v", exit, o)
		}
	})
}

// TestAListThatBeginsWithALargeEvent whose key stands behind its payload is known for one, as far as the event may be sent at all.
func TestAListThatBeginsWithALargeEvent(t *testing.T) {
	t.Parallel()
	first := `{"payload":"` + strings.Repeat("x", 250<<10) + `",` + "\n" + `"event_id":"large","topic":"t","source":"s","timestamp":"2025-01-01T00:00:00Z"}`
	second := fmt.Sprintf(aEvent, "good", 1)
	for _, text := range []string{"[" + first + "," + second + "]", `{"events":[` + first + "," + second + "]}", first + "\n" + second, gzipOf(t, "["+first+","+second+"]")} {
		synctest.Test(t, func(t *testing.T) {
			network := ingottest.Network(t, &ingottest.Server{})
			if exit, o := replayed(t, t.Context(), network, text, "-"); exit != exitOK || o.Files[0].Format != "events" || o.Stored != 2 {
				t.Errorf("%.20q: exit %d, %+v", text, exit, o)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			path := written(t, "export.json", text)
			if exit, _, stderr := command(ctx, network, "replay", "--url=http://ingot", "--follow", path); exit != exitBad || !strings.Contains(stderr, "replay it without --follow") {
				t.Errorf("%.20q: exit %d, %s", text, exit, stderr)
			}
		})
	}
}

// TestListsOfNothing have no event, and are none.
func TestListsOfNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"[]", "\ufeff[\n]\n", `{"events":[],"next_cursor":null}`, "{\"events\": [\n]\n}\n"} {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{}
			if exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), text, "-"); exit != exitOK || srv.Rows() != 0 || o.Lines.Lines != 0 || o.Files[0].Format != "events" {
				t.Errorf("%q: exit %d, %d rows, %+v", text, exit, srv.Rows(), o)
			}
		})
	}
}

// TestLinesThatBeginAsListsDo are text all the same.
func TestLinesThatBeginAsListsDo(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"[section]\nname=1\n",
		"[2025-01-01T00:00:00Z] started\n[\n",
		"[[1,2]]\n[[3]]\n",
		"[{\"level\":\"info\"}]\n[{\"level\":\"info\"}]\n",
		"[{\"topic\":\"t\"}]\n{\n",
		"{\n\"a\": 1,\n\"topic\": 2\n}\n",
		"{\"events\": [{\"a\":1}]}\nx\n",
		"{\"events\": 7}\nx\n",
		"{ text\n[ text\n",
		"{\"event_id\":\"0\",\"topic\":\"t\",\n{\"event_id\":\"1\",\"topic\":\"t\",\n", // lines that break off
		"{\"event_id\":\"0\",\"topic\":\"t\",\"source\":\"\n{\"event_id\":\"1\",\"topic\":\"t\",\n",
		"[\n{\n\"event_id\"\n", "[]\n[]\n", "[] is a list\n", "[", "{\"event_id\":\"0\",\"topic\":\"t\"",
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{}
			want := strings.Count(strings.TrimSuffix(text, "\n"), "\n") + 1
			exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), text, "-")
			if exit != exitOK || o.Files[0].Format != "lines" || srv.Rows() != want {
				t.Errorf("%q: exit %d, %d rows, %+v", text, exit, srv.Rows(), o)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		if exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), listedEvents, "-", "--format=lines"); exit != exitOK || srv.Rows() != strings.Count(listedEvents, "\n") {
			t.Errorf("an array as lines: exit %d, %d rows, %+v", exit, srv.Rows(), o)
		}
	})
}

// TestElementsThatAreBroken are named by their index, and the others are sent as far as they can be told apart.
func TestElementsThatAreBroken(t *testing.T) {
	t.Parallel()
	event := func(id string) string {
		return fmt.Sprintf(`{"event_id":%q,"topic":"t","source":"s","timestamp":"2025-01-01T00:00:00Z","payload":1}`, id)
	}
	list := "[" + strings.Join([]string{
		event("0"), `{"event_id":"1","topic":"t"}`, "7", "[" + event("3") + "]", "[\n" + event("4") + "]", `{"event_id":,}`, event("6"),
		strings.Replace(event("7"), `:1}`, `:"`+strings.Repeat("x", 300<<10)+`"}`, 1), event("8"), strings.Replace(event("6"), `:1}`, `:2}`, 1),
	}, ",\n")
	for end, says := range map[string]string{
		"]":                       "",
		"":                        "it is truncated: its array has no end",
		",\n{\"event_id\":\"10\"": "it is truncated, or a quote or a bracket is missing: [10] has no end",
		"," + event("10") + "x":   "before [11] it stops being JSON",
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{}
			path := written(t, "export.json", list+end)
			exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), "", "--concurrency=1", path)
			stored := 3 + strings.Count(says, "[11]")
			if exit != exitBad || srv.Rows() != stored || o.Stored != stored || o.Lines.Refused != 7 || o.Lines.Pending != 0 || !strings.Contains(o.Problems["read"], says) || (says == "") != (len(o.Problems) == 0) {
				t.Errorf("%q: exit %d, %d rows, %+v", end, exit, srv.Rows(), o)
			}
			for n, want := range map[int]string{
				0: "[1]: refused: source: ", 1: "[2]: refused: an event must be a JSON object, found a number", 2: "[3]: refused: ", 3: "[4]: refused: ", 4: "[5]: refused: ",
				5: "[7]: refused: it is longer than the 262144 bytes", 6: "[9]: refused: it has the same key as " + path + "[6], but different content",
			} {
				if !strings.HasPrefix(o.Named[n], path+want) {
					t.Errorf("%q: named %q, want %s", end, o.Named[n], want)
				}
			}
		})
	}
}

// TestAnArrayThatDoesNotEnd: what a pipe has brought is sent, also with --follow, and an interrupt ends it.
func TestAnArrayThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--follow"}, nil} {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{}
			network := ingottest.Network(t, srv)
			r, w := io.Pipe()
			ctx, interrupt := context.WithTimeout(t.Context(), time.Minute)
			defer interrupt()
			time.AfterFunc(time.Hour, func() { _ = w.Close() }) // where the read that is left behind ends
			go func() { _, _ = io.WriteString(w, strings.TrimSuffix(listedEvents, "\n]\n")+",{") }()
			var out strings.Builder
			exit := run(ctx, append([]string{"replay", "--url=http://ingot", "-"}, args...), surroundings{stdin: r, stdout: &out, stderr: io.Discard, transport: network})
			if want := map[bool]int{true: exitOK, false: exitInterrupted}[args != nil]; exit != want || srv.Rows() != 2 || !strings.Contains(out.String(), "1 bytes after the last line feed") {
				t.Errorf("%v: exit %d, %d rows\n%s", args, exit, srv.Rows(), out.String())
			}
			time.Sleep(2 * time.Hour)
		})
	}
}

// TestAnArrayIsNotFollowed: nobody appends lines to one. Nor is one that a line breaks off in mistaken for it.
func TestAnArrayIsNotFollowed(t *testing.T) {
	t.Parallel()
	for text, refused := range map[string]bool{
		listedEvents: true, "[" + strings.TrimSpace(listedEvents[1:]): true, strings.Trim(strings.TrimSpace(listedEvents), "[]"): true,
		`{"event_id":"0","topic":"t",`: false, "[": false, "": false,
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			path := written(t, "export.json", text)
			exit, stdout, stderr := command(ctx, ingottest.Network(t, &ingottest.Server{}), "replay", "--url=http://ingot", "--follow", path)
			if told := strings.Contains(stderr, path+": it is an array of events"); told != refused || (exit == exitBad) != refused || (stdout == "") != refused {
				t.Errorf("%q: exit %d, %s%s", text, exit, stdout, stderr)
			}
		})
	}
}
