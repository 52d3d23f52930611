package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ingot/internal/pgtest"
)

// asker asks a server with a key.
type asker struct {
	t         *testing.T
	base, key string
}

// ask returns the answer, whose body is closed with the test.
func (a asker) ask(method, target, body string, header ...string) *http.Response {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 2*time.Minute) // it passes only in a test that fails
	a.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, a.base+target, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+a.key)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// want asks, and wants that status, and an answer that has each of these words, or none of those behind a "-".
func (a asker) want(status int, method, target, body string, words ...string) string {
	a.t.Helper()
	response := a.ask(method, target, body)
	text, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	if response.StatusCode != status {
		a.t.Errorf("%s %s: %d %s", method, target, response.StatusCode, text)
	}
	for _, word := range words {
		unwanted, not := strings.CutPrefix(word, "-")
		if not && strings.Contains(string(text), unwanted) || !not && !strings.Contains(string(text), word) {
			a.t.Errorf("%s %s: %s; want %q", method, target, text, word)
		}
	}
	return string(text)
}

// follow opens a stream, and returns its data and ids as they come.
func (a asker) follow(target, last string) *bufio.Scanner {
	a.t.Helper()
	response := a.ask("GET", target, "", "Last-Event-ID", last)
	if response.StatusCode != 200 {
		a.t.Fatalf("GET %s: %d", target, response.StatusCode)
	}
	return bufio.NewScanner(response.Body)
}

// next returns the next line of a stream that begins so; "" at its end.
func next(lines *bufio.Scanner, prefix string) string {
	for lines.Scan() {
		if text, found := strings.CutPrefix(lines.Text(), prefix); found {
			return text
		}
	}
	return ""
}

func eventOn(topic, id string) string {
	return `{"topic":"` + topic + `","event_id":"` + id + `","source":"s","timestamp":"2026-01-01T00:00:00Z","payload":1}`
}

// TestServerWithTopics runs a whole server: a key for some topics sends and reads these and no others, by any route, and what is
// open ends when its line changes.
func TestServerWithTopics(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	var stdout bytes.Buffer
	if err := (&keyCommand{Name: "shop", Rights: []string{"publish", "read"}, Topics: []string{"orders,my topic", "payment-*"}, File: path}).run(&stdout, new(bytes.Buffer)); err != nil {
		t.Fatal(err)
	}
	c, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	everything := made(t, path, "ops", "publish", "read", "watch")
	c.Serve.Listen, c.Serve.DatabaseURL, c.Serve.AllowUnsafe, c.Serve.KeysFile, c.Serve.StreamHeartbeat = "127.0.0.1:0", pgtest.New(t), true, path, 50*time.Millisecond
	base, changed := startAwaiting(t, c.Serve.config, "the keys have changed")
	shop, ops := asker{t, base, strings.TrimSpace(stdout.String())}, asker{t, base, everything}

	// What lies outside is invalid, and nothing else of the request.
	shop.want(207, "POST", "/publish", "["+eventOn("orders", "1")+","+eventOn("refunds", "1")+","+eventOn("payment-done", "1")+","+eventOn("my topic", "1")+"]",
		`"received":4,"stored":3,"duplicates":0,"invalid":1`, `{"index":1,"event_id":"1","status":"invalid","errors":[{"field":"topic","code":"topic_not_allowed"`)
	shop.want(422, "POST", "/publish", eventOn("refunds", "1"), "topic_not_allowed", `topic is \"refunds\"`)
	ops.want(200, "POST", "/publish", eventOn("refunds", "2"), `"stored"`)
	ops.want(200, "GET", "/stats", "", `"received":4,"unique_processed":4,"duplicate_dropped":0,"rejected":2,"topics":{"my topic":1,"orders":1,"payment-done":1,"refunds":1}`)
	ops.want(200, "GET", "/metrics", "", "\ningot_events_invalid_total 2\n")
	shop.want(403, "GET", "/stats", "", "no-right")

	// Pages, one event and exports.
	page := shop.want(200, "GET", "/events?topic=orders&topic=my+topic&order=asc", "", `"topic":"orders"`, `"topic":"my topic"`, "-refunds", "-payment")
	shop.want(200, "GET", "/events/my%20topic/1", "", `"topic":"my topic"`)
	for _, target := range []string{"/events", "/events?event_id=2", "/events?topic=orders&topic=refunds", "/events/refunds/2", "/events/refunds/3", "/events/stream", "/events/stream?topic=refunds"} {
		shop.want(403, "GET", target, "", "no-topic", `"this key of shop may read only the topics \"my%20topic,orders,payment-*\" (topics= in its line of the --keys-file)`)
		if export := shop.ask("GET", target, "", "Accept", "application/x-ndjson"); export.StatusCode != 403 {
			t.Errorf("export of %s: %d", target, export.StatusCode)
		}
	}
	_, cursor, _ := strings.Cut(page, `"next_cursor":"`)
	shop.want(403, "GET", "/events?order=asc&cursor="+strings.TrimSuffix(cursor, `"}`), "", "no-topic")

	// A stream that goes on from a place that another one has given.
	others := ops.follow("/events/stream?topic=refunds&after=beginning", "")
	place := next(others, "id: ")
	stream := shop.follow("/events/stream?topic=orders", place)
	ops.want(200, "POST", "/publish", "["+eventOn("refunds", "3")+","+eventOn("orders", "2")+"]")
	for _, want := range []string{`"event_id":"1","topic":"orders"`, `"event_id":"2","topic":"orders"`} {
		if data := next(stream, "data: "); !strings.Contains(data, want) {
			t.Errorf("the stream has %s, want %s", data, want)
		}
	}

	// Subscriptions.
	ops.want(201, "PUT", "/subscriptions/refunding", `{"after":"beginning","topics":["refunds"]}`)
	ops.want(201, "PUT", "/subscriptions/everything", `{"after":"beginning"}`)
	shop.want(403, "PUT", "/subscriptions/mine", `{}`, "no-topic", "name each topic")
	shop.want(403, "PUT", "/subscriptions/mine", `{"topics":["orders","refunds"]}`, "no-topic", `not \"refunds\"`)
	shop.want(201, "PUT", "/subscriptions/mine", `{"topics":["orders"]}`)
	shop.want(200, "GET", "/subscriptions", "", `"name":"mine"`, "-refund", "-everything")
	commit := `{"cursor":"` + place + `"}`
	for _, name := range []string{"refunding", "everything"} {
		shop.want(403, "GET", "/subscriptions/"+name+"/events", "", "no-topic", "-refunds")
		shop.want(403, "POST", "/subscriptions/"+name+"/commit", commit, "no-topic")
		shop.want(403, "DELETE", "/subscriptions/"+name, "", "no-topic")
	}
	ops.want(200, "GET", "/subscriptions/refunding/events", "", `"event_id":"2","topic":"refunds"`)
	shop.want(200, "POST", "/subscriptions/mine/commit", commit)

	// Its line changes while it follows.
	polled := make(chan string, 1)
	go func() { polled <- shop.want(403, "GET", "/subscriptions/mine/events?wait=60s", "", "no-topic") }() // ends with the answer, received below
	for !strings.Contains(ops.want(200, "GET", "/stats?topics=0", ""), `"feed":{"streams":3,`) {
		time.Sleep(10 * time.Millisecond)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "topics=my%20topic,orders,payment-*", "topics=refunds", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	<-changed
	if data := next(stream, "data: "); data != "" || stream.Err() == nil {
		t.Errorf("the stream goes on with %q, or has a clean end (%v)", data, stream.Err())
	}
	ops.want(200, "POST", "/publish", eventOn("orders", "3"))
	<-polled
	shop.want(422, "POST", "/publish", eventOn("orders", "4"), "topic_not_allowed")
	shop.want(200, "GET", "/events?topic=refunds", "", `"topic":"refunds"`)
	shop.want(204, "DELETE", "/subscriptions/refunding", "")
}
