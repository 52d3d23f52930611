package httpapi

import (
	"errors"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// goneAfter is how often a poll checks whether its client has hung up.
const goneAfter = time.Second

// maxWait bounds a long poll: it is shorter than what proxies usually wait for.
const maxWait = time.Minute

// subscriptionEvents answers the events behind the committed place; if there are none it waits for some.
func (s *Server) subscriptionEvents(ctx *fasthttp.RequestCtx) error {
	name, err := subscriptionName(ctx)
	if err != nil {
		return err
	}
	limit, wait, err := parsePoll(ctx.URI())
	if err != nil {
		return err
	}
	client := connOf(ctx)
	if ctx.IsHead() || client.withheld { // while it waited, the answer before it would not go out
		wait = 0
	}
	bounded, cancel := s.bounded()
	defer cancel()
	sub, err := s.subscription(bounded, client, name)
	if err != nil {
		return readError(err)
	}
	page, err := s.poll(client, &sub, limit, wait)
	if err == nil {
		err = s.authorize(ctx, toRead) // again: a minute may have passed
	}
	if err == nil {
		err = client.mayFollow(&sub)
	}
	if err != nil {
		return readError(err)
	}
	return s.respondRead(ctx, appendPage(nil, page))
}

func parsePoll(uri *fasthttp.URI) (limit int, wait time.Duration, err error) {
	limit = defaultPageLimit
	err = eachParameter(uri, func(name, text string) (err error) {
		switch name {
		case "limit":
			limit, err = parseLimit(text)
		case "wait":
			wait, err = parseWait(text)
		default:
			err = fmt.Errorf("%s is not a parameter; the parameters are limit and wait", shown(name))
		}
		return err
	})
	return limit, wait, err
}

func parseWait(text string) (time.Duration, error) {
	wait, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, errors.New("wait must be a number with its unit, such as 30s")
	case wait < 0 || wait > maxWait:
		return 0, fmt.Errorf("wait must be from 0s to %.0fs", maxWait.Seconds())
	}
	return wait, nil
}

// poll reads a page of a subscription, and waits for one that is not empty. It ends
// early, with an empty page, when the server drains or the client hangs up.
func (s *Server) poll(client *conn, sub *event.Subscription, limit int, wait time.Duration) (page event.Page, err error) {
	q := event.Query{Topics: sub.Topics, Source: sub.Source, Feed: true, Cursor: sub.At.Cursor(), Limit: limit, MaxBytes: s.Limits.Page}
	if page, err = s.pageOf(q); err != nil || len(page.Events) > 0 || wait == 0 {
		return page, err
	}
	return s.awaitPage(client, q, page.At, wait)
}

// awaitPage waits until events come, and makes a page of what the feed brought. To read them again from the table
// could take more work than one page may.
func (s *Server) awaitPage(client *conn, q event.Query, from event.Position, wait time.Duration) (event.Page, error) {
	subscriber, err := s.Feed.Subscribe(q, from)
	if err != nil {
		return event.Page{}, err
	}
	defer subscriber.Close()
	for until := time.Now().Add(wait); ; {
		events, at, err := subscriber.Next(s.serving, min(time.Until(until), goneAfter))
		if len(events) > 0 || err != nil || time.Until(until) <= 0 || s.serving.Err() != nil || client.gone() {
			return firstPage(events, at, q), err
		}
	}
}

// firstPage takes as many of the events as the query wants, and at least one if there is any.
func firstPage(events []*event.Stored, at event.Position, q event.Query) event.Page {
	page := event.Page{At: at}
	bytes := 0
	for _, e := range events {
		bytes += e.Size()
		if n := len(page.Events); n == q.Limit || n > 0 && bytes > q.MaxBytes {
			page.At = page.Events[n-1].Position
			break
		}
		page.Events = append(page.Events, *e)
	}
	page.Next = page.At.Cursor()
	return page
}
