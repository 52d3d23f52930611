package httpapi

import (
	"encoding/base64"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"ingot/internal/event"
)

// fakeKeys is a file of keys: what each may do. The holder of the key k is named holder-of-k.
type fakeKeys struct {
	mu     sync.Mutex
	may    map[string][]string
	topics map[string]*event.Scope
	share  map[string]int // events that a holder may still send
}

// Take refuses for 1.2 s whoever has sent its share.
func (f *fakeKeys) Take(name string, events int) (perSecond int, wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	left, limited := f.share[name]
	switch {
	case !limited:
		return 0, 0
	case left <= 0:
		return 3, 1200 * time.Millisecond
	}
	f.share[name] -= events
	return 3, 0
}

func (f *fakeKeys) Holder(key []byte, right string) (name string, topics *event.Scope, may bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	rights, known := f.may[string(key)]
	if !known {
		return "", nil, false
	}
	return "holder-of-" + string(key), f.topics[string(key)], slices.Contains(rights, right)
}

func (f *fakeKeys) revoke(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.may, key)
}

// openLocked starts a server with a key for each right, named as it, and one for all.
func openLocked(t testing.TB, change ...func(*Limits)) (*gate, *fakeKeys) {
	t.Helper()
	keys := &fakeKeys{may: map[string][]string{"publish": {"publish"}, "read": {"read"}, "watch": {"watch"}, "all": {"publish", "read", "watch"}, "nothing": nil}}
	return openFor(t, keys, listen(t), nil, change...), keys
}

func bearer(key string) string { return "Authorization: Bearer " + key }

func basic(name, key string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+key))
}

const oneEvent = `{"topic":"t","event_id":"1","timestamp":"2025-12-19T10:00:00Z","source":"s","payload":{}}`

// rightsOfRoutes is what each route of the document is held to. A new route has to be put here.
var rightsOfRoutes = map[string]string{
	"POST /publish":                     "publish",
	"GET /events":                       "read",
	"GET /events/stream":                "read",
	"GET /events/{topic}/{event_id}":    "read",
	"GET /subscriptions":                "read",
	"PUT /subscriptions/{name}":         "read",
	"DELETE /subscriptions/{name}":      "read",
	"GET /subscriptions/{name}/events":  "read",
	"POST /subscriptions/{name}/commit": "read",
	"GET /stats":                        "watch",
	"GET /metrics":                      "watch",
	"GET /":                             "",
	"GET /healthz":                      "",
	"GET /readyz":                       "",
	"GET /openapi.json":                 "",
	"GET /docs":                         "",
	"GET /docs/{file}":                  "",
}

// TestEveryRouteWantsItsRight: without a key, with one that nobody has, with one for another right, and with the
// right one, by each method that a route has, HEAD too.
func TestEveryRouteWantsItsRight(t *testing.T) {
	t.Parallel()
	g, _ := openLocked(t)
	seen := 0
	for path, operations := range readDocument().Paths {
		for method := range operations {
			if method == "parameters" {
				continue
			}
			method = strings.ToUpper(method)
			right, known := rightsOfRoutes[method+" "+path]
			if !known {
				t.Errorf("%s %s: what right does it want?", method, path)
			}
			seen++
			target := strings.NewReplacer("{file}", "docs.js", "{name}", "n", "{topic}", "t", "{event_id}", "1").Replace(path)
			methods := []string{method}
			if method == "GET" {
				methods = append(methods, "HEAD")
			}
			for _, method := range methods {
				g.wantRight(t, method, target, right)
			}
		}
	}
	if seen != len(rightsOfRoutes) {
		t.Errorf("%d routes in the document, %d here", seen, len(rightsOfRoutes))
	}
}

// wantRight asks for a target with all kinds of keys. What comes behind the gate is not looked at.
func (g *gate) wantRight(t *testing.T, method, target, right string) {
	t.Helper()
	for key, want := range map[string]int{"": 401, "nobody": 401, "nothing": 403, "publish": 403, "read": 403, "watch": 403, "all": 0} {
		header := []string{bearer(key)}
		if key == "" {
			header = nil
		}
		if key == right || right == "" {
			want = 0
		}
		w := g.dial(t)
		w.send(request{method, target, header, ""}.text())
		if want == 0 && strings.HasPrefix(target, "/events/stream") { // it has no end
			if status, err := w.r.ReadString('\n'); err != nil || !strings.Contains(status, " 200 ") {
				t.Errorf("%s %s with %q: %s (%v)", method, target, key, status, err)
			}
			_ = w.Close()
			continue
		}
		a := w.answer(method)
		a.documented(t, method, target)
		if passed := a.status != 401 && a.status != 403; passed != (want == 0) || !passed && a.status != want {
			t.Errorf("%s %s with %q: %d, want %d (0: neither 401 nor 403)", method, target, key, a.status, want)
		}
		if challenged := len(a.header.Values("Www-Authenticate")) == 2; challenged != (a.status == 401) {
			t.Errorf("%s %s with %q: %d with %q", method, target, key, a.status, a.header.Values("Www-Authenticate"))
		}
	}
}

// TestOverRate: who has sent its share is refused before its body is read, whoever asks first whether to send it too; others are not, nor is
// reading. What came meanwhile over another connection counts as well, and nothing of what is refused is stored.
func TestOverRate(t *testing.T) {
	t.Parallel()
	g, keys := openLocked(t)
	keys.share = map[string]int{"holder-of-all": 3}
	w := g.dial(t)
	publish := func(key string, more ...string) answer {
		t.Helper()
		body := "[" + oneEvent + "," + strings.Replace(oneEvent, `"1"`, `"2"`, 1) + "]"
		w.send(request{"POST", "/publish", append(more, "Content-Type: application/json", bearer(key)), body}.text())
		a := w.answer("POST")
		a.documented(t, "POST", "/publish")
		return a
	}
	over := func(a answer) {
		t.Helper()
		if a.status != 429 || a.kind() != "over-rate" || a.header.Get("Retry-After") != "2" || !strings.Contains(a.body, "the holder of this key may send 3 events per second, over all of its keys") {
			t.Errorf("%d, Retry-After %q: %s", a.status, a.header.Get("Retry-After"), a.body)
		}
	}
	for range 2 {
		if a := publish("all"); a.status != 200 {
			t.Fatalf("%d: %s", a.status, a.body)
		}
	}
	over(publish("all"))
	if a := publish("publish"); a.status != 200 {
		t.Errorf("another key: %d %s", a.status, a.body)
	}
	w.send(request{"GET", "/events", []string{bearer("all")}, ""}.text())
	if a := w.answer("GET"); a.status != 200 {
		t.Errorf("reading: %d %s", a.status, a.body)
	}
	asks := g.dial(t)
	asks.send("POST /publish HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n" + bearer("all") + "\r\n\r\n")
	over(asks.answer("POST"))

	late := g.dial(t)
	keys.share["holder-of-read"], keys.may["read"] = 1, []string{"publish"}
	late.send("POST /publish HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n" + bearer("read") + "\r\n\r\n")
	if line, err := late.r.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := late.r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	before := len(g.publisher.Rows())
	keys.Take("holder-of-read", 1)
	late.send(strings.Replace(oneEvent, `"1"`, `"late"`, 1) + strings.Repeat(" ", 1000-len(oneEvent)-len("late")+1))
	over(late.answer("POST"))
	if rows := len(g.publisher.Rows()); rows != before {
		t.Errorf("%d rows, %d before", rows, before)
	}
}

// TestFormsOfKeys: both schemes, in any case; nothing else is a key.
func TestFormsOfKeys(t *testing.T) {
	t.Parallel()
	g, _ := openLocked(t)
	for header, want := range map[string]int{
		bearer("watch"):                   200,
		"authorization: bEARER   watch  ": 200,
		basic("anybody", "watch"):         200,
		basic("", "watch"):                200,
		"Authorization: basic " + base64.StdEncoding.EncodeToString([]byte(":watch")): 200,
		basic("watch", ""):           401,
		basic("a:b", "watch"):        401, // the name ends at the first colon
		"Authorization: Basic watch": 401,
		"Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("watch")):        401,
		"Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(":watch")) + "!": 401,
		"Authorization: watch":                                401,
		"Authorization: Bearer":                               401,
		"Authorization: Bearer watch,watch":                   401,
		"Authorization: Digest watch":                         401,
		"Authorization: Bearer " + strings.Repeat("w", 300):   401,
		"Authorization: Basic " + strings.Repeat("Ondh", 100): 401,
		"X-Authorization: Bearer watch":                       401,
		bearer("read"):                                        403,
	} {
		a := g.do(t, request{"GET", "/stats", []string{header}, ""})
		if a.status != want {
			t.Errorf("%.80s: %d, want %d", header, a.status, want)
		}
		if a.status == 403 && !strings.Contains(a.body, "holder-of-read") {
			t.Errorf("%s: it does not say whose key it is: %s", header, a.body)
		}
	}
	if a := g.get(t, "/stats?key=watch"); a.status != 401 {
		t.Errorf("a key in the URL, which ends up in logs: %d", a.status)
	}
}

// TestRefusedForItsKey: no byte of the body is paid for, nothing is stored, and a client that asks first is told before it sends.
func TestRefusedForItsKey(t *testing.T) {
	t.Parallel()
	g, _ := openLocked(t)
	publish := func(header ...string) answer {
		t.Helper()
		return g.do(t, request{"POST", "/publish", append(header, "Content-Type: application/json"), oneEvent})
	}
	for _, header := range [][]string{nil, {bearer("read")}, {bearer("nobody")}} {
		if a := publish(header...); a.status != 401 && a.status != 403 {
			t.Errorf("%q: %d", header, a.status)
		}
	}
	if n := g.publisher.bytes.Load(); n != 0 {
		t.Errorf("%d bytes have reached the pipeline", n)
	}
	w := g.dial(t)
	w.send("POST /publish HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
	if a := w.answer("POST"); a.status != 401 {
		t.Errorf("a client that asks first: %d", a.status)
	}
	if a := publish(bearer("publish")); a.status != 200 {
		t.Errorf("with the key: %d %s", a.status, a.body)
	}
	if a := g.do(t, request{"OPTIONS", "/publish", nil, ""}); a.status != 204 {
		t.Errorf("OPTIONS tells nothing of events: %d", a.status)
	}
	if all := g.logs.All(); len(all) != 4 || len(all) != g.logs.FilterLevelExact(zap.InfoLevel).Len() {
		t.Errorf("logged: %v", all)
	}
}

// TestStreamEndsWithItsKey: what is open when a key is taken out ends, at the next write.
func TestStreamEndsWithItsKey(t *testing.T) {
	t.Parallel()
	g, keys := openLocked(t, func(l *Limits) { l.Heartbeat = 20 * time.Millisecond })
	_, other := g.streamOf(t, "/events/stream", bearer("all"))
	w, response := g.streamOf(t, "/events/stream", bearer("read"))
	blocks(t, response.Body, 3)
	keys.revoke("read")
	if rest, err := io.ReadAll(response.Body); err == nil {
		t.Errorf("the answer is whole, behind %q", rest)
	}
	w.closed()
	blocks(t, other.Body, 3)
	g.feed.events <- []*event.Stored{storedAt(6)}
	for !strings.Contains(blocks(t, other.Body, 1)[0], "data: ") { // heartbeats
	}
}

// TestLongPollEndsWithItsKey: what comes while it waits is not for a key that was taken out meanwhile.
func TestLongPollEndsWithItsKey(t *testing.T) {
	t.Parallel()
	g, keys := openLocked(t)
	g.subscriptions.kept["a"] = event.Subscription{Name: "a", At: event.Position{Commit: 7, ID: 70}}
	g.reader.page = event.Page{At: event.Position{Commit: 7, ID: 70}, Next: "n", End: true}
	w := g.dial(t)
	w.send(request{"GET", "/subscriptions/a/events?wait=60s", []string{bearer("read")}, ""}.text())
	for g.feed.subscribers() == 0 {
		time.Sleep(time.Millisecond)
	}
	keys.revoke("read")
	g.feed.events <- []*event.Stored{storedAt(9)}
	if a := w.answer("GET"); a.status != 401 || a.kind() != "no-key" || strings.Contains(a.body, "events") {
		t.Errorf("%d %s", a.status, a.body)
	}
}
