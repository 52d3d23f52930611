package client

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ingot/publisher/internal/ingottest"
)

// patience passes only in a test that fails.
const patience = time.Minute

// TestAnswersThatContradictTheRequest: an answer is believed only when it fits
// what was sent, event by event.
func TestAnswersThatContradictTheRequest(t *testing.T) {
	t.Parallel()
	two := events(2)
	id := two[1].ID
	for name, body := range map[string]string{
		"no JSON":                   `stored`,
		"another count":             `{"received":3,"stored":3,"duplicates":0,"invalid":0,"results":[]}`,
		"counts without results":    `{"received":2,"stored":1,"duplicates":1,"invalid":0,"results":[]}`,
		"results without counts":    `{"received":2,"stored":2,"duplicates":0,"invalid":0,"results":[{"index":1,"event_id":"` + id + `","status":"duplicate"}]}`,
		"index past the end":        `{"received":2,"stored":1,"duplicates":1,"invalid":0,"results":[{"index":2,"event_id":"` + id + `","status":"duplicate"}]}`,
		"negative index":            `{"received":2,"stored":1,"duplicates":1,"invalid":0,"results":[{"index":-1,"event_id":"` + id + `","status":"duplicate"}]}`,
		"the id of another event":   `{"received":2,"stored":1,"duplicates":1,"invalid":0,"results":[{"index":0,"event_id":"` + id + `","status":"duplicate"}]}`,
		"a status nobody defined":   `{"received":2,"stored":1,"duplicates":1,"invalid":0,"results":[{"index":1,"event_id":"` + id + `","status":"maybe"}]}`,
		"the form of one event":     `{"status":"stored","event_id":"` + id + `","topic":"` + two[1].Topic + `"}`,
		"the same event told twice": `{"received":2,"stored":0,"duplicates":2,"invalid":0,"results":[{"index":1,"event_id":"` + id + `","status":"duplicate"},{"index":1,"event_id":"` + id + `","status":"duplicate"}]}`,
	} {
		if s, err := settle(answer{status: 200, body: []byte(body)}, two); s.statuses != nil || err == nil {
			t.Errorf("%s: believed, as %v (%v)", name, s.statuses, err)
		}
	}
	for name, body := range map[string]string{
		"another topic":  `{"status":"stored","event_id":"` + id + `","topic":"x"}`,
		"another id":     `{"status":"stored","event_id":"x","topic":"` + two[1].Topic + `"}`,
		"unknown status": `{"status":"fine","event_id":"` + id + `","topic":"` + two[1].Topic + `"}`,
		"nothing":        `{}`,
	} {
		if s, err := settle(answer{status: 200, body: []byte(body)}, two[1:]); s.statuses != nil || err == nil {
			t.Errorf("one event, %s: believed, as %v (%v)", name, s.statuses, err)
		}
	}
}

// TestSuccessOfWhatKind: a gateway that takes a request to pass it on later says 202. Its events may be stored.
func TestSuccessOfWhatKind(t *testing.T) {
	t.Parallel()
	for _, status := range []int{201, 202, 204} {
		res := New(Config{URL: "http://ingot", Timeout: patience, GiveUpAfter: patience, Transport: ingottest.Network(t,
			http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))}).Publish(t.Context(), events(2))
		if !slices.Equal(res.Statuses, []Status{Unknown, Unknown}) || res.Requests != 1 || res.Cause != "answer" || res.Err == nil || !strings.Contains(res.Err.Error(), strconv.Itoa(status)) {
			t.Errorf("%d: %v after %d requests, %s: %v; want unknown", status, res.Statuses, res.Requests, res.Cause, res.Err)
		}
	}
}

// TestEveryEventListed is the form of ?results=all.
func TestEveryEventListed(t *testing.T) {
	t.Parallel()
	two := events(2)
	body := `{"received":2,"stored":1,"duplicates":1,"invalid":0,"results":[` +
		`{"index":0,"event_id":"` + two[0].ID + `","status":"stored"},{"index":1,"event_id":"` + two[1].ID + `","status":"duplicate"}]}`
	got, err := settle(answer{status: 200, body: []byte(body)}, two)
	if want := []Status{Stored, Duplicate}; !slices.Equal(got.statuses, want) || err != nil {
		t.Errorf("%v (%v), want %v", got.statuses, err, want)
	}
}

// TestFaultsOfInvalidEvents are read from both forms, each to its event.
func TestFaultsOfInvalidEvents(t *testing.T) {
	t.Parallel()
	two := events(2)
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
		err    string
	}{
		"one of two": {
			207, `{"received":2,"stored":1,"invalid":1,"results":[{"index":1,"status":"invalid","errors":[` +
				`{"field":"bad","code":"unknown_field","detail":"no such field"},{"field":"topic","code":"missing","detail":"it is required"}]}]}`,
			`map[1:["bad": unknown_field: no such field "topic": missing: it is required]]`,
			fmt.Sprintf(`event %q is invalid: "bad": unknown_field: no such field; "topic": missing: it is required`, two[1].ID),
		},
		"all": {
			422, `{"type":"urn:ingot:problem:invalid-events","title":"no","errors":[{"index":0,"field":"a","code":"b","detail":"c"},{"index":1,"field":"d"},{"index":1,"field":"e","code":"f"},{"index":2,"field":"g"}]}`,
			`map[0:["a": b: c] 1:["d" "e": f]]`, `422 no: "a": b: c`,
		},
		"all, without a list": {422, `{"type":"urn:ingot:problem:refused-by-postgres","title":"no"}`, `map[]`, "422 no"},
	} {
		got, err := settle(answer{status: c.status, body: []byte(c.body)}, two)
		if says := fmt.Sprint(got.faults); says != c.want || err == nil || err.Error() != c.err || len(got.statuses) != 2 || got.statuses[1] != Invalid {
			t.Errorf("%s: %s (%v), want %s (%s)", name, says, err, c.want, c.err)
		}
	}
}

// TestWhoRefuses: only Ingot can say that events are invalid, or certainly not stored. What stands before it may say so of a
// request that it has passed on, and refuses every other one as well, but for the size.
func TestWhoRefuses(t *testing.T) {
	t.Parallel()
	const ingot = `{"type":"urn:ingot:problem:any","title":"no"}`
	for _, c := range []struct {
		status            int
		body              string
		again, open, bars bool
	}{
		{503, ingot, true, false, false},
		{503, "<html>upstream connect error</html>", true, true, false},
		{503, `{"type":"about:blank"}`, true, true, false},
		{429, ingot, true, false, false},
		{429, "", true, true, false},
		{408, ingot, true, false, false},
		{408, "", true, true, false},
		{413, ingot, false, false, false},
		{413, "<html>Request Entity Too Large</html>", false, false, false},
		{415, ingot, false, false, false},
		{415, "<html>no</html>", false, false, true},
		{422, "<html>blocked</html>", false, false, true},
		{422, `{"errors":[{"index":0,"field":"payload"}]}`, false, false, true},
		{451, "", false, false, true},
	} {
		a := answer{status: c.status, body: []byte(c.body)}
		if s, err := settle(a, events(2)); s.statuses != nil || !errors.Is(err, errNotSettled) {
			t.Errorf("%d %s: settles the events as %v (%v)", c.status, c.body, s.statuses, err)
		}
		if no := refused(a); no.again != c.again || no.open != c.open || no.bars != c.bars {
			t.Errorf("%d %s: %+v", c.status, c.body, no)
		}
	}
}

// TestWhatA400IsAbout: another batch may fare better only where it is about the body.
func TestWhatA400IsAbout(t *testing.T) {
	t.Parallel()
	for body, bars := range map[string]bool{
		`{"type":"urn:ingot:problem:not-json"}`:         false,
		`{"type":"urn:ingot:problem:not-events"}`:       false,
		`{"type":"urn:ingot:problem:not-decompressed"}`: false,
		`{"type":"urn:ingot:problem:bad-request"}`:      true,
		"The plain HTTP request was sent to HTTPS port": true,
	} {
		if no := refused(answer{status: 400, body: []byte(body)}); no.bars != bars || no.again || no.open {
			t.Errorf("%s: %+v", body, no)
		}
	}
}

// TestWhatIsToldOfARefusal: what is no document of Ingot's is told as it is, as far as it cannot be put into a sentence.
func TestWhatIsToldOfARefusal(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"title":"a","detail":"b","errors":[{"index":0}]}`: "400 a: b",
		`{"title":"a","errors":{"payload":["b"]}}`:          "400 a",
		`{"title":"a","detail":{"b":1}}`:                    `400 {"title":"a","detail":{"b":1}}`,
		"<html>\n no\n</html>":                              "400 <html> no </html>",
		"":                                                  "400 Bad Request",
	} {
		if got := problemOf(answer{status: 400, body: []byte(body)}).err.Error(); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}
