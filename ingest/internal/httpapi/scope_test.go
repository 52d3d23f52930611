package httpapi

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"ingot/internal/event"
)

// openScoped starts a server with the key some, which has all rights for some topics, and with those of openLocked.
func openScoped(t *testing.T, change ...func(*Limits)) (*gate, *fakeKeys) {
	t.Helper()
	g, keys := openLocked(t, change...)
	keys.may["some"] = keys.may["all"]
	keys.narrow(t, "some", "in,in-*,a%2Fb")
	return g, keys
}

// narrow gives a key other topics.
func (f *fakeKeys) narrow(t *testing.T, key, topics string) {
	t.Helper()
	scope, err := event.ParseScope(topics)
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.topics = map[string]*event.Scope{key: scope}
}

// TestScopeOfPublish: an event outside is an invalid one, in each form of the body; its neighbours are stored.
func TestScopeOfPublish(t *testing.T) {
	t.Parallel()
	topics := func(topics ...string) (events []string) {
		for i, topic := range topics {
			events = append(events, strings.Replace(valid(fmt.Sprint(topic, i)), `"t"`, `"`+topic+`"`, 1))
		}
		return events
	}
	const lines = "Content-Type: application/x-ndjson"
	for _, c := range []struct {
		body, contentType string
		status            int
		says              []string
		invalid           int64
		stored            string
	}{
		{topics("in")[0], jsonType, 200, nil, 0, "in"},
		{topics("in-x")[0], jsonType, 200, nil, 0, "in-x"},
		{topics(`a\/b`)[0], jsonType, 200, nil, 0, "a/b"},
		{topics("out")[0], jsonType, 422, []string{`"field":"topic","code":"topic_not_allowed","detail":"topic is \"out\", and this key may publish only \"a%2Fb,in,in-*\" (topics= in its line of the --keys-file)"`, "the event is invalid and was not stored"}, 1, ""},
		{topics("IN")[0], jsonType, 422, []string{"topic_not_allowed"}, 1, ""},
		{topics("in ")[0], jsonType, 422, []string{"topic_not_allowed"}, 1, ""},
		{topics("*")[0], jsonType, 422, []string{"topic_not_allowed"}, 1, ""},
		{topics("in*")[0], jsonType, 422, []string{"topic_not_allowed"}, 1, ""},
		{topics("a%2Fb")[0], jsonType, 422, []string{"topic_not_allowed"}, 1, ""},
		{topics("")[0], jsonType, 422, []string{`"code":"empty"`}, 1, ""},
		{strings.Replace(topics("in")[0], `"topic"`, `"topic":"out","topic"`, 1), jsonType, 422, []string{"repeated_field"}, 1, ""},
		{"[" + strings.Join(topics("in", "out", "in-"), ",") + "]", jsonType, 207, []string{`"received":3,"stored":2,"duplicates":0,"invalid":1`, `{"index":1,"event_id":"out1","status":"invalid","errors":[{"field":"topic","code":"topic_not_allowed"`}, 1, "in in-"},
		{`{"events":[` + strings.Join(topics("out", "in"), ",") + ",7]}", jsonType, 207, []string{`"stored":1,"duplicates":0,"invalid":2`, `{"index":0,"event_id":"out0"`, `{"index":2,"status":"invalid","errors":[{"field":"","code":"not_object"`}, 2, "in"},
		{strings.Join(topics("out", "out", "in"), "\n"), lines, 207, []string{`"stored":1,"duplicates":0,"invalid":2`, `{"index":1,"event_id":"out1"`}, 2, "in"},
		{strings.Join(topics("out", "other"), "\n"), lines, 422, []string{"all 2 events are invalid; nothing was stored", `"index":1,"field":"topic"`}, 2, ""},
	} {
		g, _ := openScoped(t)
		a := g.do(t, request{"POST", "/publish", []string{c.contentType, bearer("some")}, c.body})
		if a.status != c.status {
			t.Errorf("%s: %d %s", c.body, a.status, a.body)
		}
		for _, want := range c.says {
			if !strings.Contains(a.body, want) {
				t.Errorf("%s: %s does not say %s", c.body, a.body, want)
			}
		}
		var stored []string
		for key := range g.publisher.Rows() {
			stored = append(stored, key.Topic)
		}
		slices.Sort(stored)
		if got := strings.Join(stored, " "); got != c.stored {
			t.Errorf("%s: stored %s", c.body, got)
		}
		if n := g.rejected.Load(); n != c.invalid {
			t.Errorf("%s: %d events are counted as rejected, want %d", c.body, n, c.invalid)
		}
		logged := fmt.Sprint(g.logs.All())
		if (g.logs.Len() == 1) != (c.invalid > 0) || strings.Contains(a.body, "topic_not_allowed") != strings.Contains(logged, `topic_not_allowed in "topic"`) || strings.Contains(logged, "out") {
			t.Errorf("%s: logged %s", c.body, logged)
		}
	}
	g, _ := openScoped(t)
	if a := g.do(t, request{"POST", "/publish", []string{jsonType, bearer("all")}, topics("out")[0]}); a.status != 200 {
		t.Errorf("a key for all topics: %d %s", a.status, a.body)
	}
}

// reads are requests for events, and what a key for some topics is answered. Each route that reads events has to be here.
var reads = map[string][]struct {
	target string
	status int
	topics string // that are read
}{
	"GET /events": {
		{"/events?topic=in", 200, "[in]"},
		{"/events?topic=in-x&topic=in&topic=in-", 200, "[in-x in in-]"},
		{"/events?topic=a/b", 200, "[a/b]"},
		{"/events?topic=a%2Fb", 200, "[a/b]"},
		{"/events?topic=%69n", 200, "[in]"},
		{"/events?topic=in-*", 200, "[in-*]"}, // a topic of that name, not all that begin so
		{"/events?topic=in&event_id=1&source=s&order=asc", 200, "[in]"},
		{"/events?topic=in&cursor=of-others", 200, "[in]"},
		{"/events", 403, ""},
		{"/events?", 403, ""},
		{"/events?limit=1", 403, ""},
		{"/events?order=asc", 403, ""},
		{"/events?event_id=1", 403, ""},
		{"/events?source=s", 403, ""},
		{"/events?cursor=of-others", 403, ""},
		{"/events?topic=out", 403, ""},
		{"/events?topic=in&topic=out", 403, ""},
		{"/events?topic=out&topic=in", 403, ""},
		{"/events?topic=in%26topic=out", 403, ""},
		{"/events?topic=in,out", 403, ""},
		{"/events?topic=IN", 403, ""},
		{"/events?topic=in+", 403, ""},
		{"/events?topic=*", 403, ""},
		{"/events?topic=in*", 403, ""},
		{"/events?topic=a%252Fb", 403, ""},
		{"/events?topic=", 400, ""},
		{"/events?topic", 400, ""},
		{"/events?topic=in&topic=", 400, ""},
		{"/events?topic=in%00", 400, ""},
		{"/events?Topic=in", 400, ""},
		{"/events?topic[]=in", 400, ""},
		{"//events?topic=out", 404, ""},
		{"/events/?topic=out", 404, ""},
		{"/%65vents?topic=out", 404, ""},
		{"/EVENTS?topic=out", 404, ""},
	},
	"GET /events/{topic}/{event_id}": {
		{"/events/in/1", 200, "in"},
		{"/events/%69n/1", 200, "in"},
		{"/events/a%2Fb/1", 200, "a/b"},
		{"/events/out/1", 403, ""},
		{"/events/%6Fut/1", 403, ""},
		{"/events/IN/1", 403, ""},
		{"/events/*/1", 403, ""},
		{"/events/in*/1", 403, ""},
		{"/events/in%2Fout/1", 403, ""},
		{"/events/in%2F..%2Fout/1", 403, ""},
		{"/events/a%252Fb/1", 403, ""},
		{"/events/a%2F%2Fb/1", 403, ""},
		{"/events/in%20/1", 403, ""},
		{"/events/in%00/1", 400, ""},
		{"/events/out/1?topic=in", 400, ""},
		{"/events//1", 404, ""},
		{"/events/in/../out/1", 404, ""},
		{"/events/a/b/1", 404, ""},
		{"//events/out/1", 404, ""},
	},
	"GET /events/stream": {
		{"/events/stream?topic=in", 200, "[in]"},
		{"/events/stream?topic=in-x&topic=in&source=s", 200, "[in-x in]"},
		{"/events/stream?topic=in&after=beginning", 200, "[in]"},
		{"/events/stream", 403, ""},
		{"/events/stream?source=s", 403, ""},
		{"/events/stream?after=beginning", 403, ""},
		{"/events/stream?topic=out", 403, ""},
		{"/events/stream?topic=in&topic=out", 403, ""},
		{"/events/stream?topic=*", 403, ""},
		{"/events/stream?topic=", 400, ""},
		{"/events/stream?topic=in&event_id=1", 400, ""},
		{"//events/stream?topic=out", 404, ""},
		{"/events/stream/?topic=out", 404, ""},
	},
}

// TestScopeOfReads: nothing is read that was not asked for by a topic of the key, whatever the answer is to be; and what may be
// read is what was asked for, never less.
func TestScopeOfReads(t *testing.T) {
	t.Parallel()
	g, _ := openScoped(t)
	for _, topic := range []string{"in", "a/b", "out"} {
		g.reader.page.Events = append(g.reader.page.Events, event.Stored{Event: event.Event{ID: "1", Topic: topic, Payload: "1"}})
	}
	g.reader.page.At, g.reader.page.End = event.Position{Commit: 9, ID: 9}, true
	for _, cases := range reads {
		for _, c := range cases {
			for _, accept := range []string{"*/*", ndjson, eventStream} {
				for _, method := range []string{"GET", "HEAD"} {
					if accept == ndjson && strings.Contains(c.target, "limit=") {
						continue // they do not go together
					}
					g.wantRead(t, method, c.target, []string{"Accept: " + accept, "Last-Event-ID: " + event.Position{Commit: 3, ID: 3}.Cursor(), bearer("some")}, c.status, c.topics)
				}
			}
		}
	}
	for pattern, r := range g.routes {
		if r.right == toRead && !strings.HasPrefix(pattern, "/subscriptions") && reads["GET "+pattern] == nil {
			t.Errorf("%s is not in the table of this test", pattern)
		}
	}
	if text := fmt.Sprint(g.logs.All()); !strings.Contains(text, "request refused: no-topic") || strings.Contains(text, "may read only") {
		t.Errorf("the log tells of topics, or of nothing: %s", text)
	}
}

// wantRead sends a request, and wants the reader and the feed to be asked for these topics alone.
func (g *gate) wantRead(t *testing.T, method, target string, header []string, want int, topics string) {
	t.Helper()
	what := fmt.Sprint(method, " ", target, " ", header[0])
	g.forget()
	w := g.dial(t)
	w.send(request{method, target, header, ""}.text())
	response, err := http.ReadResponse(w.r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if response.StatusCode != want {
		t.Errorf("%s: %d, want %d", what, response.StatusCode, want)
	}
	if want == 200 && method == "HEAD" && strings.HasPrefix(target, "/events/stream") {
		topics = "" // it does not even ask
	}
	if got := g.asked(); got != topics {
		t.Errorf("%s: asked for %q, want %q", what, got, topics)
	}
	if want == 200 {
		_ = w.Close() // a stream has no end
		return
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{response.StatusCode, response.Header, string(body), response.Close}
	a.check(t, method)
	a.documented(t, method, target)
	if want == 403 && method == "GET" && (a.kind() != "no-topic" || !strings.Contains(a.body, `this key of holder-of-some may read only the topics \"a%2Fb,in,in-*\"`)) {
		t.Errorf("%s: %s", what, a.body)
	}
}

func (g *gate) forget() {
	g.reader.mu.Lock()
	defer g.reader.mu.Unlock()
	g.feed.mu.Lock()
	defer g.feed.mu.Unlock()
	g.reader.asked, g.reader.keys, g.feed.asked = nil, nil, nil
}

// asked are the topics that the reader or the feed was asked for.
func (g *gate) asked() (topics string) {
	g.reader.mu.Lock()
	defer g.reader.mu.Unlock()
	g.feed.mu.Lock()
	defer g.feed.mu.Unlock()
	for _, q := range append(slices.Clone(g.reader.asked), g.feed.asked...) {
		topics += fmt.Sprint(q.Topics)
	}
	for _, key := range g.reader.keys {
		topics += key.Topic
	}
	return topics
}

// TestScopeNamesTheTopic: which one it was, or that one has to be named.
func TestScopeNamesTheTopic(t *testing.T) {
	t.Parallel()
	g, _ := openScoped(t)
	for target, want := range map[string]string{
		"/events?topic=in&topic=out": `, not \"out\"`, "/events/out/1": `, not \"out\"`, "/events/stream?topic=OUT": `, not \"OUT\"`,
		"/events": ": name each topic that you want", "/events/stream": ": name each topic that you want",
	} {
		if a := g.do(t, request{"GET", target, []string{bearer("some")}, ""}); a.status != 403 || !strings.Contains(a.body, want+`"`) {
			t.Errorf("%s: %d %s", target, a.status, a.body)
		}
	}
}

// TestScopeOfSubscriptions: one that brings other topics, or all, is neither made, shown, read, moved nor forgotten; and nobody is
// told which topics those are.
func TestScopeOfSubscriptions(t *testing.T) {
	t.Parallel()
	g, _ := openScoped(t)
	kept := map[string]event.Subscription{}
	for name, topics := range map[string][]string{"mine": {"a/b", "in"}, "theirs": {"secret-topic"}, "ours": {"in", "secret-topic"}, "all": nil} {
		kept[name] = event.Subscription{Name: name, After: "now", Topics: topics}
	}
	maps.Copy(g.subscriptions.kept, kept)
	g.reader.page.End = true
	do := func(method, target, body string, status int, kind string) answer {
		t.Helper()
		a := g.do(t, request{method, target, []string{jsonType, bearer("some")}, body})
		if a.status != status || kind != "" && a.kind() != kind || strings.Contains(a.body, "secret-topic") && !strings.Contains(body, "secret-topic") {
			t.Errorf("%s %s %s: %d %s", method, target, body, a.status, a.body)
		}
		return a
	}
	commit := `{"cursor":"` + event.Position{Commit: 5, ID: 50, Identity: 500}.Cursor() + `"}`
	for _, name := range []string{"theirs", "ours", "all", "%74heirs"} {
		do("GET", "/subscriptions/"+name+"/events", "", 403, "no-topic")
		do("HEAD", "/subscriptions/"+name+"/events?wait=60s", "", 403, "")
		do("POST", "/subscriptions/"+name+"/commit", commit, 403, "no-topic")
		do("POST", "/subscriptions/"+name+"/commit", `{"cursor":"none"}`, 403, "no-topic")
		do("DELETE", "/subscriptions/"+name, "", 403, "no-topic")
		do("PUT", "/subscriptions/"+name, `{"topics":["in"]}`, 409, "subscription-differs")
	}
	for _, body := range []string{`{}`, `{"topics":[]}`, `{"topics":null}`, `{"topics":["out"]}`, `{"topics":["in","secret-topic"]}`, `{"topics":["*"]}`, `{"topics":["IN"]}`, `{"topics":["in*"]}`, `{"source":"s"}`} {
		do("PUT", "/subscriptions/new", body, 403, "no-topic")
		do("PUT", "/subscriptions/theirs", body, 403, "no-topic")
	}
	do("PUT", "/subscriptions/new", `{"topics":[""]}`, 400, "bad-parameter")
	do("PUT", "/subscriptions/new", `{"topics":["in"],"topics":["out"]}`, 400, "bad-parameter")
	do("PUT", "/subscriptions/new", `{"topics":["in"],"Topics":["out"]}`, 400, "bad-parameter")
	do("GET", "/subscriptions//events", "", 404, "not-found")
	do("GET", "//subscriptions", "", 404, "not-found")
	do("GET", "/subscriptions/mine%2Fevents", "", 405, "method-not-allowed")
	do("GET", "/subscriptions/THEIRS/events", "", 400, "bad-parameter")
	for name, sub := range g.subscriptions.kept {
		if was, there := kept[name]; !there || sub.At != was.At || !sub.Same(&was) {
			t.Errorf("%s was changed: %+v", name, sub)
		}
	}
	if len(g.subscriptions.kept) != len(kept) || len(g.reader.asked)+len(g.feed.asked) > 0 {
		t.Errorf("kept %v, read %v", g.subscriptions.kept, g.reader.asked)
	}
	if a := do("GET", "/subscriptions", "", 200, ""); strings.Count(a.body, `"name"`) != 1 || !strings.Contains(a.body, `"name":"mine"`) {
		t.Errorf("listed %s", a.body)
	}
	if a := g.do(t, request{"GET", "/subscriptions", []string{bearer("all")}, ""}); strings.Count(a.body, `"name"`) != 4 {
		t.Errorf("a key for all topics: %s", a.body)
	}

	do("PUT", "/subscriptions/new", `{"topics":["in-x"]}`, 201, "")
	do("PUT", "/subscriptions/new", `{"topics":["in-x"]}`, 200, "")
	do("GET", "/subscriptions/mine/events", "", 200, "")
	do("POST", "/subscriptions/mine/commit", commit, 200, "")
	do("DELETE", "/subscriptions/mine", "", 204, "")
	do("DELETE", "/subscriptions/mine", "", 404, "subscription-not-found")
}

// TestSubscriptionsMadeAnew: one that somebody makes anew, with other topics, while a request asks whether it may change it, is
// neither moved nor forgotten.
func TestSubscriptionsMadeAnew(t *testing.T) {
	t.Parallel()
	commit := `{"cursor":"` + event.Position{Commit: 5, ID: 50, Identity: 500}.Cursor() + `"}`
	for want, r := range map[int]request{
		403: {"POST", "/subscriptions/a/commit", []string{jsonType, bearer("some")}, commit},
		404: {"DELETE", "/subscriptions/a", []string{bearer("some")}, ""},
	} {
		g, _ := openScoped(t)
		g.subscriptions.kept["a"] = event.Subscription{Name: "a", Topics: []string{"in"}}
		theirs := event.Subscription{Name: "a", Topics: []string{"secret-topic"}}
		g.subscriptions.remade = &theirs
		if a := g.do(t, r); a.status != want {
			t.Errorf("%s: %d %s", r.method, a.status, a.body)
		}
		if sub, there := g.subscriptions.kept["a"]; !there || sub.At != theirs.At {
			t.Errorf("%s: it is there: %v, %+v", r.method, there, sub)
		}
	}
}

// TestStreamEndsWithItsTopics: at the next write, once its key may no longer read all that it brings. Another change of the
// line ends nothing.
func TestStreamEndsWithItsTopics(t *testing.T) {
	t.Parallel()
	g, keys := openScoped(t, func(l *Limits) { l.Heartbeat = 20 * time.Millisecond })
	_, named := g.streamOf(t, "/events/stream?topic=in&topic=in-x", bearer("some"))
	_, all := g.streamOf(t, "/events/stream", bearer("all"))
	blocks(t, named.Body, 3)
	keys.narrow(t, "some", "in*,more")
	blocks(t, named.Body, 3)
	keys.narrow(t, "some", "in,more")
	if rest, err := io.ReadAll(named.Body); err == nil {
		t.Errorf("the answer is whole, behind %q", rest)
	}
	blocks(t, all.Body, 3)
	keys.narrow(t, "all", "in")
	if rest, err := io.ReadAll(all.Body); err == nil {
		t.Errorf("a stream of all topics goes on: %q", rest)
	}
}

// TestExportEndsWithItsTopics, likewise.
func TestExportEndsWithItsTopics(t *testing.T) {
	t.Parallel()
	g, keys := openScoped(t)
	large := storedAt(1)
	large.Payload = `"` + strings.Repeat("x", flushBytes) + `"`
	g.reader.page = event.Page{Events: []event.Stored{*large}, Next: "c", At: large.Position} // again and again
	_, response := g.streamOf(t, "/events?topic=in", bearer("some"), "Accept: "+ndjson)
	if _, err := io.ReadFull(response.Body, make([]byte, 1)); err != nil || response.StatusCode != 200 {
		t.Fatal(response.StatusCode, err)
	}
	keys.narrow(t, "some", "out")
	if _, err := io.Copy(io.Discard, response.Body); err == nil {
		t.Error("the answer is whole")
	}
}

// TestLongPollEndsWithItsTopics: what comes while it waits is not for a key that has lost the topic meanwhile.
func TestLongPollEndsWithItsTopics(t *testing.T) {
	t.Parallel()
	for topics, want := range map[string]int{"out": 403, "in-*": 403, "i*": 200} {
		g, keys := openScoped(t)
		g.subscriptions.kept["a"] = event.Subscription{Name: "a", Topics: []string{"in"}}
		g.reader.page = event.Page{At: event.Position{Commit: 7, ID: 70}, Next: "n", End: true}
		w := g.dial(t)
		w.send(request{"GET", "/subscriptions/a/events?wait=60s", []string{bearer("some")}, ""}.text())
		for g.feed.subscribers() == 0 {
			time.Sleep(time.Millisecond)
		}
		keys.narrow(t, "some", topics)
		g.feed.events <- []*event.Stored{storedAt(9)}
		if a := w.answer("GET"); a.status != want || strings.Contains(a.body, `"events"`) != (want == 200) {
			t.Errorf("%s: %d %s", topics, a.status, a.body)
		}
	}
}

// TestScopeOfTheNextRequest: a connection that a proxy uses for many clients has nothing of the key before.
func TestScopeOfTheNextRequest(t *testing.T) {
	t.Parallel()
	g, _ := openScoped(t)
	w := g.dial(t)
	for range 2 {
		for key, want := range map[string]int{"some": 403, "all": 200} {
			w.send(request{"GET", "/events", []string{bearer(key)}, ""}.text())
			if a := w.answer("GET"); a.status != want {
				t.Errorf("%s: %d %s", key, a.status, a.body)
			}
		}
	}
	for _, target := range []string{"/stats", "/metrics"} { // which are for who may watch, of all topics
		if a := g.do(t, request{"GET", target, []string{bearer("some")}, ""}); a.status != 200 {
			t.Errorf("%s: %d %s", target, a.status, a.body)
		}
	}
}
