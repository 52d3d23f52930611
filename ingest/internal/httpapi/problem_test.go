package httpapi

import (
	"encoding/json"
	"strings"
	"testing"

	"ingot/internal/event"
)

// detail is the problem's sentence.
func (a answer) detail() string {
	var p struct{ Detail string }
	_ = json.Unmarshal([]byte(a.body), &p)
	return p.Detail
}

// TestDetails: a refusal names the parameter, the member or the header, and what to send
// instead.
func TestDetails(t *testing.T) {
	t.Parallel()
	foreign := &event.CursorError{Detail: "it is not a valid cursor"}
	put := func(body string) request { return request{"PUT", "/subscriptions/a", []string{jsonType}, body} }
	commit := func(body string) request {
		return request{"POST", "/subscriptions/a/commit", []string{jsonType}, body}
	}
	publish := func(body string, header ...string) request { return request{"POST", "/publish", header, body} }
	get := func(target string, header ...string) request { return request{"GET", target, header, ""} }
	for _, c := range []struct {
		r    request
		read error // what the reader says
		want string
	}{
		{get("/events?cursor=x"), foreign, "cursor: it is not a valid cursor; send next_cursor unchanged"},
		{get("/events/stream?after=x"), foreign, "after: it is not a valid cursor; send now, beginning, or a cursor unchanged"},
		{get("/events/stream?after=now", "Last-Event-ID: x"), foreign, "Last-Event-ID: it is not a valid cursor; send the last id unchanged"},
		{put(`{"after":"x"}`), foreign, "after: it is not a valid cursor; send now, beginning, or a cursor unchanged"},
		{commit(`{"cursor":"x"}`), foreign, "cursor: it is not a valid cursor; send next_cursor unchanged"},

		{put(`{"topics":"t"}`), nil, "topics must be an array of strings, found a string"},
		{put(`{"topics":["t",1]}`), nil, "topics must be an array of strings, found a number in it"},
		{put(`{"source":["s"]}`), nil, "source must be a string, found an array"},
		{put(`{"after":{}}`), nil, "after must be a string, found an object"},
		{put(`{"after":""}`), nil, "after is empty; send now, beginning, or a cursor unchanged, or leave it out"},
		{put(`{"source":""}`), nil, "source must be UTF-8 of 1 to 512 bytes without control characters; leave it out for all"},
		{put(`{"topics":["t",""]}`), nil, "each of topics must be UTF-8 of 1 to 512 bytes without control characters"},
		{put(`{"topics":["t"` + strings.Repeat(`,"t"`, maxTopics) + `]}`), nil, "there may be at most 100 topics"},
		{commit(`{"cursor":true}`), nil, "cursor must be a string, found a boolean"},
		{put(`{"topic":"t"}`), nil, `"topic" is not a member of this body; the members are after, topics and source`},
		{commit(`{"cursors":"c"}`), nil, `"cursors" is not a member of this body; the only member is cursor`},
		{commit(`{}`), nil, "cursor is missing; send next_cursor unchanged"},
		{commit(`{"cursor":null}`), nil, "cursor is missing; send next_cursor unchanged"},
		{commit(`{"cursor":"now"}`), nil, "cursor: now and beginning cannot be committed; send next_cursor unchanged"},
		{request{"PUT", "/subscriptions/a", []string{"Content-Type: text/plain"}, "{}"}, nil, `Content-Type "text/plain" is not supported; send application/json`},
		{request{"PUT", "/subscriptions/a", ndjsonType, "{}"}, nil, `Content-Type "application/x-ndjson" is not supported; send application/json`},
		{request{"PUT", "/subscriptions/a", nil, "{}"}, nil, `Content-Type is missing; send application/json`},
		{request{"PUT", "/subscriptions/a", []string{jsonType, jsonType}, "{}"}, nil, `Content-Type is sent more than once`},

		{get("/subscriptions/a/events?wait=30"), nil, `wait must be a number with its unit, such as 30s`},
		{get("/subscriptions/a/events?wait=-1s"), nil, `wait must be from 0s to 60s`},
		{get("/subscriptions/a/events?wait=2m"), nil, `wait must be from 0s to 60s`},
		{get("/subscriptions/a/events?limit=5000"), nil, `limit must be a number from 1 to 1000`},
		{get("/subscriptions/a/events?limit=x"), nil, `limit must be a number from 1 to 1000`},
		{get("/subscriptions/a/events?topic=t"), nil, `"topic" is not a parameter; the parameters are limit and wait`},
		{get("/subscriptions/a/events?wait=1s&wait=1s"), nil, `"wait" is given more than once`},

		{get("/event"), nil, "there is nothing at this path; / lists the available paths"},
		{get("/event/"), nil, "there is nothing at this path; leave out the slash at its end; / lists the available paths"},
		{get("/events/a/b/c"), nil, "there is nothing at this path; one event is at /events/{topic}/{event_id}; send a slash in either as %2F"},
		{get("/events/a"), nil, "there is nothing at this path; the events of a topic are at /events?topic={topic}, one event is at /events/{topic}/{event_id}"},
		{request{"POST", "/events/a", []string{jsonType}, valid("a")}, nil, "there is nothing at this path; events are sent to POST /publish; / lists the available paths"},
		{request{"POST", "/v1/publish", []string{jsonType}, valid("a")}, nil, "there is nothing at this path; events are sent to POST /publish; / lists the available paths"},
		{request{"POST", "/v1/publish/", []string{jsonType}, valid("a")}, nil, "there is nothing at this path; leave out the slash at its end; / lists the available paths"},
		{request{"POST", "/subscriptions/a/ack", []string{jsonType}, "{}"}, nil, "there is nothing at this path; / lists the available paths"},
		{get("/events?since=2025-02-30T10:00:00Z"), nil, `since names a day that does not exist`},
		{get("/events?until=1966-01-01T00:00:00Z"), nil, `until is outside the years 1970 to 2200`},
		{get("/events?limit=5", "Accept: application/x-ndjson"), nil, "application/x-ndjson sends the rest of the feed, in commit order; leave out limit and order=desc, or ask for application/json"},
		{request{"POST", "/events", []string{jsonType}, valid("a")}, nil, "this path supports only GET, HEAD, OPTIONS; events are sent to POST /publish"},
		{request{"POST", "/", []string{jsonType}, valid("a")}, nil, "this path supports only GET, HEAD, OPTIONS; events are sent to POST /publish"},
		{request{"PUT", "/events/t/a", []string{jsonType}, valid("a")}, nil, "this path supports only GET, HEAD, OPTIONS; events are sent to POST /publish"},
		{request{"DELETE", "/events/t/a", nil, ""}, nil, "this path supports only GET, HEAD, OPTIONS"},
		{request{"PUT", "/publish", []string{jsonType}, valid("a")}, nil, "this path supports only POST, OPTIONS"},
		{get("/publish"), nil, "this path supports only POST, OPTIONS; events are read with GET /events"},
		{request{"POST", "/subscriptions", []string{jsonType}, "{}"}, nil, "this path supports only GET, HEAD, OPTIONS; PUT /subscriptions/{name} makes one"},
		{get("/subscriptions/a"), nil, "this path supports only PUT, DELETE, OPTIONS; GET /subscriptions lists them all"},
		{request{"POST", "/stats", nil, ""}, nil, "this path supports only GET, HEAD, OPTIONS"},
		{get("/events?until=2025-12-19T10:00:00Z&since=2025-12-19T09:00:00.000001-01:00"), nil, `since (2025-12-19T10:00:00.000001Z) is later than until (2025-12-19T10:00:00Z): no event is in between`},
		{get("/events?since=2025-12-20T00:00:00Z&until=2025-12-19T00:00:00Z", "Accept: application/x-ndjson"), nil, `since (2025-12-20T00:00:00Z) is later than until (2025-12-19T00:00:00Z): no event is in between`},
		{get("/events?since=2025"), nil, `since is not RFC 3339; send for example "2025-12-19T10:00:00Z"`},
		{get("/events?since=2025-12-19T10:00:00+01:00"), nil, `since is not RFC 3339; after the seconds it needs "Z" or an offset such as "+01:00" (send "+" in an offset as %2B)`},

		{publish("[]", jsonType, "Content-Encoding: gzip"), nil, "the body does not look like gzip; if it is not compressed, leave out Content-Encoding; nothing was stored"},
		{publish(valid("a"), jsonType, "Content-Encoding: zstd"), nil, "the body does not look like zstd; if it is not compressed, leave out Content-Encoding; nothing was stored"},
		{publish(gzipOf(valid("a"))[:20], jsonType, "Content-Encoding: gzip"), nil, "the compressed body is truncated; nothing was stored"},
		{publish("", jsonType, "Content-Encoding: gzip"), nil, "the compressed body is truncated; nothing was stored"},
		{publish(zstdOf(valid("a"))+"[null]", jsonType, "Content-Encoding: zstd"), nil, "the compressed body is corrupt, or other bytes follow it; nothing was stored"},
		{publish("\x28\xb5\x2f\xfd\x21\x07\x01\x09\x00\x00a", jsonType, "Content-Encoding: zstd"), nil, "the zstd frame needs a dictionary, which is not supported; compress without one; nothing was stored"},
		{publish(gzipOf(valid("a")), jsonType), nil, "the body looks like gzip; send it with Content-Encoding: gzip; nothing was stored"},
		{publish(gzipOf(valid("a")), ndjsonType...), nil, "the body looks like gzip; send it with Content-Encoding: gzip; nothing was stored"},
		{publish(zstdOf(valid("a")), jsonType), nil, "the body looks like zstd; send it with Content-Encoding: zstd; nothing was stored"},
		{publish(gzipOf(gzipOf(valid("a"))), jsonType, "Content-Encoding: gzip"), nil, "the decompressed body looks like gzip again; compress it once; nothing was stored"},

		{publish(`"`+strings.Repeat("x", 1<<20)+`"`, jsonType), nil, "the body is 1048578 bytes long; at most 1048576 are allowed (--max-body); send fewer events at a time; nothing was stored"},
		{publish(gzipOf(spaces(2<<20+1)), jsonType, "Content-Encoding: gzip"), nil, "at most 2097152 bytes are allowed after decompression (--max-decompressed); send fewer events at a time; nothing was stored"},
		{publish("["+strings.Repeat("1,", 10_000)+"1]", jsonType), nil, "at most 10000 events are allowed in one request (--max-events); send fewer at a time; nothing was stored"},
	} {
		g := open(t)
		g.reader.err = c.read
		if a := g.do(t, c.r); a.detail() != c.want {
			t.Errorf("%s %s %v %.100s: got %d %s\nwant %s", c.r.method, c.r.target, c.r.header, c.r.body, a.status, a.detail(), c.want)
		}
	}
}

// TestTooMany: who is refused for want of room is told how many there are, and the flag.
func TestTooMany(t *testing.T) {
	t.Parallel()
	g := open(t, func(l *Limits) { l.Streams, l.Exports, l.Subscriptions = 3, 0, 5 })
	g.feed.err, g.subscriptions.full = event.ErrFeedFull, true
	for target, want := range map[string]string{
		"/events/stream":   "3 streams and long polls are open, which is the maximum (--max-streams); try again later, or use another server",
		"/events":          "0 exports are running, which is the maximum (--max-exports); try again later, or read pages with order=asc",
		"/subscriptions/a": "at most 5 subscriptions are allowed (--max-subscriptions); DELETE one that nobody needs: GET /subscriptions shows which lag behind",
	} {
		r := request{"GET", target, []string{"Accept: application/x-ndjson", jsonType}, ""}
		if strings.HasPrefix(target, "/subscriptions") {
			r.method, r.body = "PUT", "{}"
		}
		if a := g.do(t, r); a.detail() != want {
			t.Errorf("%s: got %d %s\nwant %s", target, a.status, a.detail(), want)
		}
	}
}

// TestInvalidCount: one event is not "all 1 events".
func TestInvalidCount(t *testing.T) {
	t.Parallel()
	g := open(t)
	for body, want := range map[string]string{
		"{}":    "the event is invalid and was not stored",
		"[1]":   "the event is invalid and was not stored",
		"[1,2]": "all 2 events are invalid; nothing was stored",
	} {
		if a := g.post(t, "/publish", body); a.detail() != want {
			t.Errorf("%s: got %s, want %s", body, a.detail(), want)
		}
	}
}
