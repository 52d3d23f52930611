package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"ingot/publisher/internal/client"
)

// summary is the report at the end, for people. It goes to stderr, since stdout has the events.
func (r *following) summary(err error) []byte {
	var t table
	t.line("")
	t.line("follow     %s%s", r.URL, r.named())
	t.line("")
	r.pace.rows(&t, time.Now())
	t.row("outages", grouped(r.outages), "")
	t.line("")
	r.pace.notes(&t)
	if r.open > 0 {
		t.line("note       %s events were printed but not committed: they will come again", grouped(r.open))
	}
	if err != nil {
		t.line("problem    %v", err)
	}
	if hint := r.hint(err); hint != "" {
		t.line("hint       %s", hint)
	}
	t.line("outcome    %s", r.outcome(err))
	return t.Bytes()
}

func (r *following) named() string {
	if r.Subscription == "" {
		return ""
	}
	return "   subscription " + r.Subscription
}

func (r *following) outcome(err error) string {
	switch {
	case err != nil:
		return "failed: see the problem"
	case r.Count > 0 && r.pace.total() >= r.Count:
		return "ok: received as many events as --count asked for"
	}
	return "interrupted"
}

// hint says what to type next.
func (r *following) hint(err error) string {
	no, refused := errors.AsType[*client.Refused](err)
	switch {
	case !refused && r.Subscription != "":
		return "" // the server knows where to go on
	case errors.Is(err, errNotPrinted):
		return r.afterPrinted() // r.at is behind events that nobody has seen
	case !refused && r.at == "":
		return ""
	case !refused:
		return "to continue after the last event, use --after=" + r.at
	case no.OtherTopics():
		return "the key in INGOT_KEY is for some topics only: name those to follow with --topic, and with --create for a subscription of them"
	case no.Status == http.StatusForbidden:
		return "the key in INGOT_KEY must have the right to read"
	case no.Status == http.StatusGone && r.Subscription != "":
		return fmt.Sprintf("the database was restored, or old events were deleted, and the place of the subscription is gone: run curl -X DELETE %s/subscriptions/%s, then publisher follow --subscription=%s --create --after=%s", r.URL, r.Subscription, r.Subscription, cmp.Or(no.Oldest, "beginning"))
	case no.Status == http.StatusGone:
		return "the database was restored, or old events were deleted, and the place is gone: --after=" + cmp.Or(no.Oldest, "beginning") + " starts at the oldest event that is left"
	case no.Status == http.StatusNotFound && r.Subscription != "":
		return fmt.Sprintf("create it with publisher follow --subscription=%s --create --after=beginning (or --after=now; add --topic and --source to filter)", r.Subscription)
	case no.Kind == "urn:ingot:problem:too-many-subscriptions":
		return fmt.Sprintf("curl %s/subscriptions lists them with their lag, curl -X DELETE %s/subscriptions/NAME deletes one", r.URL, r.URL)
	case no.Status == http.StatusConflict:
		return "leave out --create, --topic, --source and --after to follow it as it is, or use another name"
	case no.Status == http.StatusBadRequest && r.After != "":
		return "--after takes now, beginning, or a cursor of this server: an id of a stream, or a next_cursor"
	case no.Status/100 == 3:
		return "the server is at another address: set --url to it, without a path"
	case no.Status == http.StatusNotFound || no.Status == http.StatusOK:
		return "is " + r.URL + " an Ingot server, and not an older one? set --url to the server, without a path"
	}
	return ""
}

// afterPrinted tells how to go on behind the last event that stdout took before it failed.
func (r *following) afterPrinted() string {
	place := r.screen.place()
	if place == "" {
		return ""
	}
	return "to continue after what was printed, use --after=" + place
}

func (p *pace) rows(t *table, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.row("events", grouped(p.events), "")
	t.row("elapsed", fmt.Sprintf("%.2f s", now.Sub(p.began).Seconds()), "")
	t.row("events/s", grouped(int(perSecond(p.events, now.Sub(p.began)))), "")
	if p.all.Count() > 0 {
		t.row("latency p50", inMillis(p.all.Percentile(50)), "publish to receive")
		t.row("latency p99", inMillis(p.all.Percentile(99)), "")
	}
}

func (p *pace) notes(t *table) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all.Count() == 0 {
		return
	}
	t.line("note       publish to receive is the time from received_at, by the server's clock, to now, by this machine's clock: the clocks may differ")
	if p.early > 0 {
		t.line("note       some events arrived %s before their received_at: the clocks do differ", inMillis(p.early))
	}
	if before := p.events - int(p.all.Count()); before > 0 {
		t.line("note       the %s events that the server received before this run began are not counted in it", grouped(before))
	}
}
