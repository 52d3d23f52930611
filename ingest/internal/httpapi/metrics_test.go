package httpapi

import (
	"maps"
	"regexp"
	"strings"
	"testing"
)

// series are the lines of /metrics that begin with prefix, and their values.
func (g *gate) series(t *testing.T, prefix string) map[string]string {
	t.Helper()
	a := g.get(t, "/metrics")
	if kind := a.header.Get("Content-Type"); a.status != 200 || kind != "text/plain; version=0.0.4; charset=utf-8" {
		t.Fatalf("got %d %s %s", a.status, kind, a.body)
	}
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^([^# ].*) (\S+)$`).FindAllStringSubmatch(a.body, -1) {
		if strings.HasPrefix(m[1], prefix) {
			found[m[1]] = m[2]
		}
	}
	return found
}

// TestAnswersAreCounted by route and status, whoever gave them.
func TestAnswersAreCounted(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.post(t, "/publish", valid("a"))
	g.post(t, "/publish", valid("b"))
	g.post(t, "/publish", "{}")
	g.get(t, "/publish")
	g.get(t, "/nothing")
	g.get(t, "/events/t/none")
	for _, unread := range []string{
		"POST /publish HTTP/1.1\r\nHost: gate\r\nContent-Type: text/html\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
		"GET / HTTP/3.0\r\nHost: gate\r\n\r\n",
		"no request\r\n\r\n",
	} {
		w := g.dial(t)
		w.send(unread)
		w.answer("POST")
	}
	const name = "ingot_http_answer_seconds_count"
	found := g.series(t, name)
	maps.DeleteFunc(found, func(_, value string) bool { return value == "0" })
	for series, want := range map[string]string{
		`{route="/publish",status="200"}`:                   "2",
		`{route="/publish",status="422"}`:                   "1",
		`{route="/publish",status="405"}`:                   "1",
		`{route="/publish",status="415"}`:                   "1",
		`{route="/events/{topic}/{event_id}",status="404"}`: "1",
		`{route="other",status="404"}`:                      "1",
		`{route="other",status="400"}`:                      "2",
	} {
		if got := found[name+series]; got != want {
			t.Errorf("%s is %q, want %s", series, got, want)
		}
		delete(found, name+series)
	}
	if len(found) > 0 {
		t.Errorf("and %v", found)
	}
	if got := g.series(t, "ingot_events_invalid_total"); got["ingot_events_invalid_total"] != "1" {
		t.Errorf("got %v", got)
	}
}

// TestAnExpectedBodyCountsOnce, when the client that asked first has sent it.
func TestAnExpectedBodyCountsOnce(t *testing.T) {
	t.Parallel()
	g := open(t)
	w := g.dial(t)
	body := valid("a")
	w.send(request{"POST", "/publish", []string{jsonType, "Expect: 100-continue"}, body}.text())
	if a := w.answer("POST"); a.status == 100 {
		w.answer("POST")
	}
	const route = `ingot_http_answer_seconds_count{route="/publish"`
	if got := g.series(t, route); len(got) != 4 || got[route+`,status="200"}`] != "1" {
		t.Errorf("got %v", got)
	}
}

// TestWatchedAnswersAreThereFromTheStart, at 0: the first one is a rise then.
func TestWatchedAnswersAreThereFromTheStart(t *testing.T) {
	t.Parallel()
	g := open(t)
	found := g.series(t, "ingot_http_answer_seconds_count")
	for _, labels := range []string{
		`{route="/publish",status="429"}`, `{route="/publish",status="503"}`, `{route="/publish",status="504"}`,
		`{route="/events",status="503"}`, `{route="/events/stream",status="503"}`, `{route="/subscriptions/{name}/events",status="503"}`,
	} {
		if got := found["ingot_http_answer_seconds_count"+labels]; got != "0" {
			t.Errorf("%s is %q", labels, got)
		}
	}
}

// TestLimitsAreShown beside what they bound.
func TestLimitsAreShown(t *testing.T) {
	t.Parallel()
	g := open(t, func(l *Limits) { l.Connections = 2 })
	first, second := g.dial(t), g.dial(t)
	for _, w := range []*wire{first, second} {
		w.send(request{"GET", "/healthz", nil, ""}.text())
		w.answer("GET")
	}
	third := g.dial(t)
	if a := third.answer("GET"); a.status != 503 {
		t.Fatalf("got %d", a.status)
	}
	first.send(request{"GET", "/metrics", nil, ""}.text())
	body := first.answer("GET").body
	for _, want := range []string{"ingot_http_connections 2\n", "ingot_http_connections_limit 2\n", "ingot_http_connections_refused_total 1\n", "ingot_exports_limit 10\n"} {
		if !strings.Contains(body, "\n"+want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
}
