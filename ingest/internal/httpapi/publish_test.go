package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

// publishCase is one request to /publish on a server where the event "known" is
// stored already, and the answer it gets; the whole answer is in the golden file.
type publishCase struct {
	name   string
	step   storetest.Step // what the store does
	target string         // /publish, if empty
	header []string       // Content-Type: application/json, if nil
	body   string
	status int
	kind   string // of the problem
	rows   int    // stored besides "known"
}

func notStored(r event.Reason) storetest.Step {
	return storetest.Step{Fail: &event.NotStoredError{Reason: r, Err: errors.New("INSERT failed: SQLSTATE 57P01 " + secret)}}
}

var (
	ndjsonType = []string{"Content-Type: application/x-ndjson"}
	without    = func(member string) string { return strings.Replace(valid("e"), `"`+member+`"`, `"un`+member+`"`, 1) }
	with       = func(old, new string) string { return strings.Replace(valid("e"), old, new, 1) }
	unknown    = storetest.Step{Fail: &event.UnknownError{Err: errors.New("COMMIT was sent: SQLSTATE 08006 " + secret)}}
	added      = storetest.Step{Fail: &event.BadDataError{Err: errors.New("new row violates, SQLSTATE 23514 " + secret), By: "the constraint positive_amount"}}
	badData    = storetest.Step{Fail: &event.BadDataError{Err: errors.New("invalid input, SQLSTATE 22P02 " + secret)}}
)

var publishCases = []publishCase{
	{name: "one new event is stored", body: valid("e"), status: 200, rows: 1},
	{name: "one known event is a duplicate", body: valid("known"), status: 200},
	{name: "an array is answered as a list", body: "[" + valid("a") + "," + valid("known") + "]", status: 200, rows: 1},
	{name: "an array of one is a list too", body: "[" + valid("a") + "]", status: 200, rows: 1},
	{name: "the object events is a list", body: `{"events":[` + valid("a") + "," + valid("b") + `]}`, status: 200, rows: 2},
	{name: "a list that meets itself stores the first copy", body: "[" + valid("a") + "," + valid("a") + "]", status: 200, rows: 1},
	{name: "an empty list is fine", body: `[]`, status: 200},
	{name: "events may be written over several lines", body: "{\n\t\"events\" : [ " + valid("a") + " ]\r\n}", status: 200, rows: 1},
	{name: "NDJSON is a list", header: ndjsonType, body: valid("a") + "\n\n" + valid("known") + "\n", status: 200, rows: 1},
	{name: "NDJSON of one line is a list", header: ndjsonType, body: valid("a"), status: 200, rows: 1},
	{name: "the old name of NDJSON is taken", header: []string{"Content-Type: application/ndjson"}, body: valid("a"), status: 200, rows: 1},
	{name: "a charset of UTF-8 is taken", header: []string{`Content-Type: Application/JSON; Charset="UTF-8"`}, body: valid("a"), status: 200, rows: 1},
	{name: "identity is no encoding", header: []string{jsonType, "Content-Encoding: identity"}, body: valid("a"), status: 200, rows: 1},
	{name: "results=all lists every event in order", target: "/publish?results=all", body: "[" + valid("a") + "," + valid("known") + ",1," + valid("b") + "]", status: 207, rows: 2},
	{name: "results=none lists none", target: "/publish?results=none", body: "[" + valid("a") + "," + valid("known") + ",1]", status: 207, rows: 1},

	{name: "a list with an invalid event stores the others", body: "[" + valid("a") + "," + without("topic") + "," + valid("b") + "]", status: 207, rows: 2},
	{name: "a broken NDJSON line is one invalid event", header: ndjsonType, body: valid("a") + "\n{\"event_id\":\n" + valid("b"), status: 207, rows: 2},
	{name: "invalid and known, nothing new", body: "[" + valid("known") + ",{}]", status: 207},

	{name: "one invalid event: every broken rule is named", body: `{"event_id":"","topic":7,"source":"s","timestamp":"yesterday","extra":1}`, status: 422, kind: "invalid-events"},
	{name: "all of a list invalid", body: `[1,{"event_id":"x"}]`, status: 422, kind: "invalid-events"},
	{name: "an event_id too long", body: with(`"e"`, `"`+strings.Repeat("x", 513)+`"`), status: 422, kind: "invalid-events"},
	{name: "a control character", body: with(`"s"`, `"a\u0007b"`), status: 422, kind: "invalid-events"},
	{name: "bytes that are not UTF-8", body: with(`"s"`, "\"\xff\""), status: 422, kind: "invalid-events"},
	{name: "half a surrogate pair", body: with(`"s"`, `"\ud800"`), status: 422, kind: "invalid-events"},
	{name: "a name twice", body: with(`"topic":"t"`, `"topic":"t","topic":"t"`), status: 422, kind: "invalid-events"},
	{name: "a timestamp of no year we take", body: with("2025-", "1969-"), status: 422, kind: "invalid-events"},
	{name: "a payload with NUL", body: with(`{"x":`, `{"y":"\u0000","x":`), status: 422, kind: "invalid-events"},
	{name: "a payload with a number jsonb cannot hold", body: with(`{"x":`, `{"y":1e999999,"x":`), status: 422, kind: "invalid-events"},
	{name: "a payload nested too deeply", body: with(`{"x":`, `{"y":`+strings.Repeat("[", 64)+strings.Repeat("]", 64)+`,"x":`), status: 422, kind: "invalid-events"},
	{name: "a payload too large", body: with(`{"x":`, `{"y":"`+strings.Repeat("y", 256<<10)+`","x":`), status: 422, kind: "invalid-events"},
	{name: "all lines of NDJSON broken", header: ndjsonType, body: "{\n}\n", status: 422, kind: "invalid-events"},
	{name: "Postgres refuses what the decoder took", step: badData, body: valid("e"), status: 422, kind: "refused-by-postgres"},
	{name: "an added constraint refuses an event", step: added, body: valid("e"), status: 422, kind: "refused-by-postgres"},

	{name: "no body", status: 400, kind: "not-json"},
	{name: "not JSON", body: "topic=t&id=1", status: 400, kind: "not-json"},
	{name: "a list that breaks off stores nothing", body: "[" + valid("a") + ",", status: 400, kind: "not-json"},
	{name: "two objects need NDJSON", body: valid("a") + "\n" + valid("b"), status: 400, kind: "not-json"},
	{name: "a byte order mark", body: "\ufeff" + valid("a"), status: 400, kind: "not-json"},
	{name: "events must be an array", body: `{"events":{}}`, status: 400, kind: "not-events"},
	{name: "events is there twice", body: `{"events":[],"events":[]}`, status: 400, kind: "not-events"},
	{name: "a name beside events", body: `{"events":[],"x":1}`, status: 400, kind: "not-events"},
	{name: "a name beside events that breaks off", body: `{"events":[],"x":1`, status: 400, kind: "not-json"},
	{name: "empty NDJSON", header: ndjsonType, body: "\n \n", status: 400, kind: "not-json"},
	{name: "results twice", target: "/publish?results=all&results=none", body: valid("a"), status: 400, kind: "bad-parameter"},
	{name: "results misspelt", target: "/publish?results=al", body: valid("a"), status: 400, kind: "bad-parameter"},
	{name: "results empty", target: "/publish?results=", body: valid("a"), status: 400, kind: "bad-parameter"},
	{name: "the name of results misspelt", target: "/publish?resuls=all", body: valid("a"), status: 400, kind: "bad-parameter"},
	{name: "a parameter beside results", target: "/publish?results=all&x", body: valid("a"), status: 400, kind: "bad-parameter"},
	{name: "a parameter without a name", target: "/publish?=all", body: valid("a"), status: 400, kind: "bad-parameter"},
	{name: "a question mark alone is no parameter", target: "/publish?", body: valid("a"), status: 200, rows: 1},

	{name: "a body over the limit", body: `"` + strings.Repeat("x", 1<<20) + `"`, status: 413, kind: "body-too-large"},
	{name: "too many events", body: "[" + strings.Repeat("1,", 10_000) + "1]", status: 413, kind: "too-many-events"},
	{name: "too many lines", header: ndjsonType, body: strings.Repeat("1\n", 10_001), status: 413, kind: "too-many-events"},

	{name: "no Content-Type", header: []string{}, body: valid("a"), status: 415, kind: "unsupported-media-type"},
	{name: "a form", header: []string{"Content-Type: application/x-www-form-urlencoded"}, body: valid("a"), status: 415, kind: "unsupported-media-type"},
	{name: "another charset", header: []string{"Content-Type: application/json; charset=latin1"}, body: valid("a"), status: 415, kind: "unsupported-media-type"},
	{name: "a Content-Type that does not parse", header: []string{"Content-Type: application/json; charset=latin1; x"}, body: valid("a"), status: 415, kind: "unsupported-media-type"},
	{name: "two Content-Types", header: []string{"Content-Type: text/plain", jsonType}, body: valid("a"), status: 415, kind: "unsupported-media-type"},
	{name: "multipart", header: []string{"Content-Type: multipart/form-data; boundary=x"}, body: "--x--", status: 415, kind: "unsupported-media-type"},
	{name: "an encoding nobody takes", header: []string{jsonType, "Content-Encoding: br"}, body: "x", status: 415, kind: "unsupported-encoding"},
	{name: "an encoding behind identity", header: []string{jsonType, "Content-Encoding: identity", "Content-Encoding: br"}, body: "x", status: 415, kind: "unsupported-encoding"},
	{name: "two layers", header: []string{jsonType, "Content-Encoding: gzip, gzip"}, body: "x", status: 415, kind: "unsupported-encoding"},
	{name: "not what the encoding says", header: []string{jsonType, "Content-Encoding: gzip"}, body: valid("a"), status: 400, kind: "not-decompressed"},
	{name: "an encoding and no body", header: []string{jsonType, "Content-Encoding: zstd"}, status: 400, kind: "not-decompressed"},

	{name: "the queue is full", step: notStored(event.ReasonQueueFull), body: valid("a"), status: 503, kind: "queue-full"},
	{name: "the queue drains", step: notStored(event.ReasonDraining), body: valid("a"), status: 503, kind: "draining"},
	{name: "expired while it waited", step: notStored(event.ReasonExpired), body: valid("a"), status: 503, kind: "expired"},
	{name: "no database", step: notStored(event.ReasonUnavailable), body: valid("a"), status: 503, kind: "database-unavailable"},
	{name: "a reason nobody told the gate of", step: notStored("new"), body: valid("a"), status: 503, kind: "database-unavailable"},
	{name: "outcome unknown", step: unknown, body: "[" + valid("a") + ",1]", status: 504, kind: "outcome-unknown"},
	{name: "an error nobody has thought of", step: storetest.Step{Fail: errors.New(secret)}, body: valid("a"), status: 500, kind: "internal"},
}

func TestPublish(t *testing.T) {
	t.Parallel()
	transcripts := make([]string, len(publishCases))
	t.Run("case", func(t *testing.T) {
		for i, c := range publishCases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				transcripts[i] = fmt.Sprintf("=== %s\n%s", c.name, c.run(t).transcript())
			})
		}
	})
	golden(t, "publish", strings.Join(transcripts, "\n"))
}

func (c publishCase) run(t *testing.T) answer {
	g := open(t)
	g.post(t, "/publish", valid("known"))
	g.publisher.Next(c.step)
	r := request{"POST", c.target, c.header, c.body}
	if r.target == "" {
		r.target = "/publish"
	}
	if r.header == nil {
		r.header = []string{jsonType}
	}
	a := g.do(t, r)
	if a.status != c.status || a.kind() != c.kind {
		t.Errorf("got %d %s, want %d %s: %s", a.status, a.kind(), c.status, c.kind, a.body)
	}
	if rows := len(g.publisher.Rows()) - 1; rows != c.rows {
		t.Errorf("%d rows stored, want %d", rows, c.rows)
	}
	return a
}

// TestWhenItWasReceived stands with the events of a request: about now, in UTC, to the microsecond that the table keeps.
func TestWhenItWasReceived(t *testing.T) {
	t.Parallel()
	g := open(t)
	groups := make(chan event.Group, 1)
	g.publisher.hold = func(group event.Group) { groups <- group }
	before := time.Now().Truncate(time.Microsecond)
	g.post(t, "/publish", valid("a"))
	if at := (<-groups).ReceivedAt; at.Before(before) || at.After(time.Now()) || at.Location() != time.UTC || at != at.Truncate(time.Microsecond) {
		t.Errorf("received at %s, sent at %s", at, before)
	}
}

// One bad event among 500 good ones costs nobody anything: it is named by index
// and field, and 499 are stored.
func TestOneBadAmongManyGood(t *testing.T) {
	t.Parallel()
	for _, at := range []int{0, 1, 249, 498, 499} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			g := open(t)
			body := strings.Replace(list(500), fmt.Sprintf(`"event_id":"e%d","topic":"t"`, at), fmt.Sprintf(`"event_id":"e%d","topic":null`, at), 1)
			a := g.post(t, "/publish", body)
			want := fmt.Sprintf(`{"received":500,"stored":499,"duplicates":0,"invalid":1,"results":[{"index":%d,"event_id":"e%d","status":"invalid",`+
				`"errors":[{"field":"topic","code":"wrong_type","detail":"topic must be a string, found null"}]}]}`, at, at)
			if a.status != 207 || a.body != want {
				t.Errorf("got %d %s\nwant %s", a.status, a.body, want)
			}
			if rows := len(g.publisher.Rows()); rows != 499 {
				t.Errorf("%d rows stored", rows)
			}
			if n := g.rejected.Load(); n != 1 {
				t.Errorf("rejected is %d", n)
			}
		})
	}
}

// The bytes of a request are gone from the budget while its fate is open, and
// what has no room is refused before it is read.
func TestBudget(t *testing.T) {
	t.Parallel()
	g := open(t, func(l *Limits) { l.BodiesInFlight = 3000 })
	arrived, release := make(chan int64), make(chan struct{})
	g.publisher.hold = func(event.Group) { arrived <- g.budget.used.Load(); <-release }
	first := g.dial(t)
	body := "[" + valid("a") + strings.Repeat(" ", 2000) + "]"
	first.send(request{"POST", "/publish", []string{jsonType}, body}.text())
	if used := <-arrived; used != int64(len(body)) {
		t.Errorf("%d bytes are taken, want %d", used, len(body))
	}
	for _, r := range []request{
		{"POST", "/publish", []string{jsonType}, body},
		{"POST", "/publish", []string{jsonType, "Expect: 100-continue"}, body},
	} {
		if a := g.do(t, r); a.status != 503 || a.kind() != "queue-full" {
			t.Errorf("got %d %s", a.status, a.body)
		}
	}
	chunked := g.dial(t)
	chunked.send("POST /publish HTTP/1.1\r\nHost: gate\r\n" + jsonType + "\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n")
	if a := chunked.answer("POST"); a.status != 503 {
		t.Errorf("chunked: got %d %s", a.status, a.body)
	}
	close(release)
	if a := first.answer("POST"); a.status != 200 {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

// TestBodiesThatDoNotComeTakeNoRoom: whoever begins bodies and does not go on, which costs him nothing, cannot take the room
// of everybody else.
func TestBodiesThatDoNotComeTakeNoRoom(t *testing.T) {
	t.Parallel()
	g := open(t)
	begun := int(g.Limits.BodiesInFlight) / g.Limits.Body // their lengths together are all the room there is
	for range begun {
		g.dial(t).send(fmt.Sprintf("POST /publish HTTP/1.1\r\nHost: gate\r\n%s\r\nContent-Length: %d\r\n\r\n%s", jsonType, g.Limits.Body, strings.Repeat(" ", prefetched)))
	}
	for begin := time.Now(); g.requests.Load() < uint64(begun) || g.budget.used.Load() < int64(begun*firstPart); time.Sleep(time.Millisecond) {
		if time.Since(begin) > patience {
			t.Fatalf("%d bytes are taken", g.budget.used.Load())
		}
	}
	if a := g.post(t, "/publish", valid("a")); a.status != 200 {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

// TestPartsOfABody: a body of any length is read whole, and counts as much as it is long.
func TestPartsOfABody(t *testing.T) {
	t.Parallel()
	g := open(t)
	var used int64
	g.publisher.hold = func(event.Group) { used = g.budget.used.Load() }
	for i, length := range []int{firstPart - 1, firstPart, firstPart + 1, partGrowth * firstPart, partGrowth*firstPart + 1, g.Limits.Body} {
		body := valid(fmt.Sprint(i))
		body = strings.Repeat(" ", length-len(body)) + body
		if a := g.post(t, "/publish", body); a.status != 200 || used != int64(length) {
			t.Errorf("%d bytes: got %d %s, and %d were taken", length, a.status, a.body, used)
		}
	}
	if left := g.budget.used.Load(); left != 0 {
		t.Errorf("%d bytes are still taken", left)
	}
}

// TestAnswersCount: room for a list of results is taken before anything is stored, and held until
// the client has taken it, or left.
func TestAnswersCount(t *testing.T) {
	t.Parallel()
	few := list(500)
	short := open(t, func(l *Limits) { l.BodiesInFlight = int64(len(few) + 500) })
	if a := short.post(t, "/publish", few); a.status != 503 || a.kind() != "queue-full" || len(short.publisher.Rows()) > 0 {
		t.Errorf("without room for the answer: got %d %.300s, %d rows", a.status, a.body, len(short.publisher.Rows()))
	}

	const events = 30_000
	body := make([]string, events)
	for i := range body {
		body[i] = valid(strings.Repeat("x", 500) + fmt.Sprint(i))
	}
	all := "[" + strings.Join(body, ",") + "]"
	g := open(t, func(l *Limits) { l.Body, l.Events.MaxEvents, l.BodiesInFlight = len(all), events, 64<<20 })
	w := g.dial(t)
	w.send(request{"POST", "/publish?results=all", []string{jsonType}, all}.text())
	if _, err := w.r.Peek(1); err != nil { // it is being written
		t.Fatal(err)
	}
	if used := g.budget.used.Load(); used < 500*events {
		t.Errorf("%d bytes are counted of an answer that nobody reads", used)
	}
	_ = w.Close()
	for begin := time.Now(); g.budget.used.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Since(begin) > patience {
			t.Fatal("an answer that nobody takes any more still counts")
		}
	}
}

// TestThePeakHasRoomForTheAnswer, which may be thirty times as long as the body: there must be no request within the limits
// that is told to come again and never taken.
func TestThePeakHasRoomForTheAnswer(t *testing.T) {
	t.Parallel()
	all := "[" + valid("a") + strings.Repeat(",0", 9_999) + "]"
	g := open(t, func(l *Limits) {
		l.Body, l.Decompressed, l.Events.MaxEvents = len(all), len(all), 10_000
		l.BodiesInFlight = l.Peak()
	})
	if a := g.post(t, "/publish", all); a.status != 207 || len(g.publisher.Rows()) != 1 {
		t.Errorf("got %d %.300s, %d rows", a.status, a.body, len(g.publisher.Rows()))
	}
}

// TestTheQueueHoldsBodies: a body as large as may be is no more to the queue than it is, which is
// what --queue-bytes has to hold, however much will be said of its events.
func TestTheQueueHoldsBodies(t *testing.T) {
	t.Parallel()
	lines := strings.Repeat(valid("a")+"\n", 1000)
	g := open(t, func(l *Limits) { l.Body, l.Decompressed = len(lines), len(lines) })
	for name, sent := range map[string]request{
		"as it is":   {"POST", "/publish", ndjsonType, lines},
		"compressed": {"POST", "/publish", append([]string{"Content-Encoding: gzip"}, ndjsonType...), gzipOf(lines)},
	} {
		if a := g.do(t, sent); a.status != 200 || g.publisher.bytes.Load() != int64(len(lines)) {
			t.Errorf("%s: got %d %.300s, %d bytes for a body of %d", name, a.status, a.body, g.publisher.bytes.Load(), len(lines))
		}
	}
}

// TestManyInvalidEvents are told by index, the first hundred with what is wrong.
func TestManyInvalidEvents(t *testing.T) {
	t.Parallel()
	g := open(t)
	bad := strings.Repeat("{},", 299) + "{}"
	var partly struct {
		Results []struct {
			Index  int
			Status string
			Errors []any
		}
	}
	a := g.post(t, "/publish", "["+valid("a")+","+bad+"]")
	if err := json.Unmarshal([]byte(a.body), &partly); err != nil || a.status != 207 || len(partly.Results) != 300 {
		t.Fatalf("%d %v: %.300s", a.status, err, a.body)
	}
	for i, r := range partly.Results {
		if explained := len(r.Errors) > 0; r.Index != i+1 || r.Status != "invalid" || explained != (i < 100) {
			t.Fatalf("result %d: %+v", i, r)
		}
	}
	var none struct {
		Detail string
		Errors []struct{ Index int }
	}
	a = g.post(t, "/publish", "["+bad+"]")
	if err := json.Unmarshal([]byte(a.body), &none); err != nil || a.status != 422 || !strings.Contains(none.Detail, "all 300 events") || !strings.Contains(none.Detail, "the first 100") {
		t.Fatalf("%d %v: %.300s", a.status, err, a.body)
	}
	if last := none.Errors[len(none.Errors)-1]; last.Index != 99 {
		t.Errorf("the last error is of event %d", last.Index)
	}
}
