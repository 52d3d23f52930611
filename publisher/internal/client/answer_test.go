package client

import (
	"slices"
	"testing"
)

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
		if statuses, err := settle(answer{status: 200, body: []byte(body)}, two); statuses != nil || err == nil {
			t.Errorf("%s: believed, as %v (%v)", name, statuses, err)
		}
	}
	for name, body := range map[string]string{
		"another topic":  `{"status":"stored","event_id":"` + id + `","topic":"x"}`,
		"another id":     `{"status":"stored","event_id":"x","topic":"` + two[1].Topic + `"}`,
		"unknown status": `{"status":"fine","event_id":"` + id + `","topic":"` + two[1].Topic + `"}`,
		"nothing":        `{}`,
	} {
		if statuses, err := settle(answer{status: 200, body: []byte(body)}, two[1:]); statuses != nil || err == nil {
			t.Errorf("one event, %s: believed, as %v (%v)", name, statuses, err)
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
	if want := []Status{Stored, Duplicate}; !slices.Equal(got, want) || err != nil {
		t.Errorf("%v (%v), want %v", got, err, want)
	}
}
