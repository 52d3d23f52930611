package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

// Every answer of 5xx, and every mistake of the decoder, has one log line: request
// id, method, path, status and the cause; nothing of the body.
func TestFailuresAreLogged(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection lost (SQLSTATE 08006)")
	for _, c := range []struct {
		target, message string
		step            storetest.Step
		status          int64
		level           string
	}{
		{"/publish?results=all", "request failed: queue-full", storetest.Step{Fail: &event.NotStoredError{Reason: event.ReasonQueueFull, Err: cause}}, 503, "warn"},
		{"/publish", "request failed: outcome-unknown", storetest.Step{Fail: &event.UnknownError{Err: cause}}, 504, "error"},
		{"/publish", "request failed: internal", storetest.Step{Fail: cause}, 500, "error"},
		{"/publish", "request failed: refused-by-postgres", storetest.Step{Fail: &event.BadDataError{Err: cause}}, 422, "error"},
		{"/publish", "request failed: refused-by-postgres", storetest.Step{Fail: &event.BadDataError{Err: cause, By: "the constraint c"}}, 422, "warn"},
	} {
		t.Run(c.message, func(t *testing.T) {
			t.Parallel()
			g := open(t)
			g.publisher.Next(c.step)
			a := g.post(t, c.target, valid("a"))
			if unsure := c.status == 504 || c.status == 500; strings.Contains(string(a.body), "may or may not be stored") != unsure {
				t.Errorf("the client is told %s", a.body)
			}
			lines := g.logs.FilterMessage(c.message).All()
			if len(lines) != 1 || lines[0].Level.String() != c.level {
				t.Fatalf("logged %v", g.logs.All())
			}
			fields := lines[0].ContextMap()
			text, _ := fields["error"].(string)
			if fields["request_id"] != "golden" || fields["method"] != `"POST"` || fields["path"] != `"/publish"` || fields["status"] != c.status || !strings.Contains(text, cause.Error()) {
				t.Errorf("logged %v", fields)
			}
			if strings.Contains(fmt.Sprint(g.logs.All()), secret) {
				t.Errorf("the log tells of the payload: %v", g.logs.All())
			}
		})
	}
}

// TestQueriesThatTakeTooLong: the log names the setting, where time is what there was too little of.
func TestQueriesThatTakeTooLong(t *testing.T) {
	t.Parallel()
	for cause, want := range map[error]bool{fmt.Errorf("read the totals: %w", context.DeadlineExceeded): true, errors.New("connection lost"): false} {
		g := open(t)
		g.reader.err = cause
		for _, target := range []string{"/events", "/events/t/e", "/stats"} {
			g.get(t, target)
		}
		lines := g.logs.FilterMessage("request failed: database-unavailable").All()
		if len(lines) != 3 {
			t.Errorf("%v: %d lines", cause, len(lines))
		}
		for _, line := range lines {
			if text := fmt.Sprint(line.ContextMap()["error"]); strings.Contains(text, "(--query-timeout)") != want || !strings.Contains(text, cause.Error()) {
				t.Errorf("%v: logged %s", cause, text)
			}
		}
		g.logs.TakeAll()
		g.get(t, "/readyz") // has a time of its own
		if text := fmt.Sprint(g.logs.All()); g.logs.Len() != 1 || strings.Contains(text, "--query-timeout") || !strings.Contains(text, cause.Error()) {
			t.Errorf("%v: /readyz logged %s", cause, text)
		}
	}
}

// What the client has to mend is no failure of the server. But who loses events, or tries keys, is told: at info, and
// ten times a minute at most.
func TestRefusalsAreLogged(t *testing.T) {
	t.Parallel()
	g := open(t)
	for _, c := range []struct{ target, body, kind, cause string }{
		{"/publish", "[", "not-json", "at byte 1"},
		{"/publish", "[1]", "invalid-events", `1 of 1 events are invalid; event 0: not_object`},
		{"/publish", "[" + valid("a") + `,{"event_id":1,"` + secret + `":1}]`, "invalid-events", `1 of 2 events are invalid; event 1: `},
		{"/publish", `{"event_id":"a","of-the-body":1}`, "invalid-events", "unknown_field"},
		{"/publish", `{"of-the-body":1;}`, "not-json", "at byte "},
		{"/publish", `{"events":[],"of-the-body":1}`, "not-events", ""},
		{"/publish?results=x", valid("a"), "bad-parameter", "results"},
	} {
		before := g.logs.Len()
		g.post(t, c.target, c.body)
		lines := g.logs.All()[before:]
		if len(lines) != 1 || lines[0].Level != zap.InfoLevel || lines[0].Message != "request refused: "+c.kind {
			t.Errorf("%s %s: logged %v", c.target, c.body, lines)
			continue
		}
		fields := lines[0].ContextMap()
		text, _ := fields["error"].(string)
		if fields["request_id"] != "golden" || !strings.HasPrefix(fmt.Sprint(fields["from"]), "127.") || !strings.Contains(text, c.cause) {
			t.Errorf("%s %s: logged %v", c.target, c.body, fields)
		}
	}
	g.post(t, "/publish", valid("a"))
	g.get(t, "/nothing")
	for range 30 {
		g.post(t, "/publish", "[1]")
	}
	if n := g.logs.FilterMessage("request refused: invalid-events").Len(); n != 10 || g.logs.FilterLevelExact(zap.InfoLevel).Len() != g.logs.Len() {
		t.Errorf("%d lines of invalid events; logged %v", n, g.logs.All())
	}
	if text := fmt.Sprint(g.logs.All()); strings.Contains(text, secret) || strings.Contains(text, "of-the-body") {
		t.Errorf("the log tells what was sent: %s", text)
	}
}

// TestRefusedKeysAreLogged: with their holder, if they have one, and never with the key.
func TestRefusedKeysAreLogged(t *testing.T) {
	t.Parallel()
	g, _ := openLocked(t)
	for key, want := range map[string]string{"watch": "no-right holder-of-watch", "stranger": "no-key "} {
		a := g.do(t, request{"GET", "/events", []string{bearer(key)}, ""})
		lines := g.logs.FilterField(zap.Int("status", a.status)).All()
		if len(lines) != 1 {
			t.Errorf("%s: logged %v", key, g.logs.All())
			continue
		}
		if got := fmt.Sprint(strings.TrimPrefix(lines[0].Message, "request refused: "), " ", lines[0].ContextMap()["key"]); got != want {
			t.Errorf("%s: logged %q, want %q", key, got, want)
		}
	}
	if text := fmt.Sprint(g.logs.All()); strings.Contains(text, "stranger") {
		t.Errorf("a key is logged: %s", text)
	}
	w := g.dial(t) // as a proxy keeps it, for requests of many clients
	for _, r := range []request{
		{"POST", "/publish", []string{jsonType, bearer("publish")}, valid("a")},
		{"GET", "/publish", nil, ""},
	} {
		w.send(r.text())
		w.answer(r.method)
	}
	lines := g.logs.FilterMessage("request refused: method-not-allowed").All()
	if len(lines) != 1 || lines[0].ContextMap()["key"] != "" {
		t.Errorf("of a request without a key, behind one with: logged %v", lines)
	}
}

// TestABusyClientHidesNobody: each client's refusals are told, though not those of a thousand, whose addresses hide no holder.
func TestABusyClientHidesNobody(t *testing.T) {
	t.Parallel()
	g, keys := openLocked(t)
	keys.may["other"] = []string{"publish"}
	now, told := time.Now(), 0
	for client := range 1_000 {
		for range 20 {
			if g.unkeyed.take(lineOf{"no-key", strconv.Itoa(client)}, now) {
				told++
			}
		}
	}
	for key, requests := range map[string]int{"all": 30, "publish": 30, "other": 1, "stranger": 1} {
		for range requests {
			g.do(t, request{"POST", "/publish", []string{jsonType, bearer(key)}, "[1]"})
		}
	}
	for holder, want := range map[string]int{"holder-of-all": 10, "holder-of-publish": 10, "holder-of-other": 1, "": 0} {
		if n := g.logs.FilterField(zap.String("key", holder)).Len(); n != want {
			t.Errorf("%d lines about %q, want %d", n, holder, want)
		}
	}
	q := &g.unkeyed
	if told != 1_000 || q.take(lineOf{"no-key", "0"}, now.Add(59*time.Second)) || !q.take(lineOf{"no-key", "0"}, now.Add(time.Minute)) {
		t.Errorf("%d lines of 1,000 clients; the quota is renewed each minute", told)
	}
}

// A flood of refusals is not a flood of lines, and does not hide what happens on another path.
func TestFailuresAreSampled(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.reader.err = errors.New("connection lost")
	g.subscriptions.err = g.reader.err
	w := g.dial(t)
	for range 300 {
		g.publisher.Next(storetest.Step{Fail: &event.NotStoredError{Reason: event.ReasonUnavailable}})
		w.send(request{"POST", "/publish", []string{jsonType}, valid("a")}.text())
		w.answer("POST")
	}
	for range 30 {
		g.get(t, "/subscriptions/a/events")
	}
	g.get(t, "/events")
	g.get(t, "/events/t/e")
	for path, want := range map[string]int{`"/publish"`: 10, `"/subscriptions/a/events"`: 10, `"/events"`: 1, `"/events/t/e"`: 1} {
		if n := g.logs.FilterField(zap.String("path", path)).Len(); n != want {
			t.Errorf("%d lines about %s, want %d", n, path, want)
		}
	}
}
