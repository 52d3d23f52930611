package httpapi

import (
	"errors"
	"fmt"
	"strings"
	"testing"

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
			if unsure := c.status == 504 || c.status == 500; strings.Contains(string(a.body), "may be stored or not") != unsure {
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

// What the client is to mend is not the operator's business.
func TestRefusalsAreNotLogged(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.post(t, "/publish", "[")
	g.post(t, "/publish", "[1]")
	g.post(t, "/publish?results=x", valid("a"))
	g.post(t, "/publish", valid("a"))
	g.get(t, "/nothing")
	if n := g.logs.FilterLevelExact(zap.InfoLevel).Len(); g.logs.Len() != n {
		t.Errorf("logged %v", g.logs.All())
	}
}

// A flood of refusals is not a flood of lines.
func TestFailuresAreSampled(t *testing.T) {
	t.Parallel()
	g := open(t)
	w := g.dial(t)
	const requests = 300
	for range requests {
		g.publisher.Next(storetest.Step{Fail: &event.NotStoredError{Reason: event.ReasonQueueFull}})
		w.send(request{"POST", "/publish", []string{jsonType}, valid("a")}.text())
		w.answer("POST")
	}
	if n := g.logs.Len(); n < 10 || n > requests/2 {
		t.Errorf("%d lines for %d refusals", n, requests)
	}
}
