package httpapi

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

const (
	defaultPageLimit = 100
	maxPageLimit     = 1000

	// maxTopics bounds the topics of one request: each is a search of its own. A guess.
	maxTopics = 100
)

// parseQuery reads the parameters of GET /events. It refuses unknown names: with a
// misspelt filter the answer would be everything.
func parseQuery(uri *fasthttp.URI) (event.Query, error) {
	q := event.Query{Limit: defaultPageLimit}
	err := eachParameter(uri, func(name, text string) error { return setParameter(&q, name, text) })
	if err == nil {
		err = checkRange(&q)
	}
	return q, err
}

// checkRange refuses a range that ends before it begins: whoever follows it would read empty pages for ever. One that ends where
// it begins is what a client gets that reads on, up to a fixed end, from behind what it has read.
func checkRange(q *event.Query) error {
	if q.Until.IsZero() || !q.Since.After(q.Until) {
		return nil
	}
	since, until := q.Since.UTC().Format(time.RFC3339Nano), q.Until.UTC().Format(time.RFC3339Nano)
	return &refusal{problemBadParameter, fmt.Sprintf("since (%s) is later than until (%s): no event is in between", since, until)}
}

// eachParameter calls take for each parameter until one is refused, and then fails with a *refusal. Only topic may
// be there more than once.
func eachParameter(uri *fasthttp.URI, take func(name, text string) error) error {
	if len(uri.QueryString()) == 0 {
		return nil // as nearly always: nothing is parsed then
	}
	for part := range strings.SplitSeq(string(uri.QueryString()), "&") {
		if _, err := url.QueryUnescape(part); err != nil { // fasthttp would take a broken escape as it stands
			name, _, _ := strings.Cut(part, "=")
			return &refusal{problemBadParameter, shown(name) + " has an invalid percent escape; send a percent sign as %25"}
		}
	}
	seen := map[string]bool{}
	for key, value := range uri.QueryArgs().All() {
		name := string(key)
		if seen[name] && name != "topic" {
			return &refusal{problemBadParameter, shown(name) + " is given more than once"}
		}
		seen[name] = true
		if err := take(name, string(value)); err != nil {
			return &refusal{problemBadParameter, err.Error()}
		}
	}
	return nil
}

// noParameter refuses every parameter.
func noParameter(uri *fasthttp.URI) error {
	return eachParameter(uri, func(name, _ string) error {
		return fmt.Errorf("%s is not a parameter; this path has none", shown(name))
	})
}

func setParameter(q *event.Query, name, text string) (err error) {
	switch name {
	case "topic":
		if !slices.Contains(q.Topics, text) {
			q.Topics = append(q.Topics, text)
		}
		if len(q.Topics) > maxTopics {
			return fmt.Errorf("topic may be given at most %d times", maxTopics)
		}
	case "source":
		q.Source = text
	case "event_id":
		q.EventID = text
	case "cursor":
		if q.Cursor = text; text == "" { // a client may send this at the end of the pages: starting over would never end
			return errors.New("cursor is empty; " + wantedCursor + ", or leave it out for the first page")
		}
		return nil
	case "since":
		q.Since, err = parseTime(name, text)
	case "until":
		q.Until, err = parseTime(name, text)
	case "order":
		q.Feed = text == "asc"
		if text != "asc" && text != "desc" {
			return errors.New(`order must be "asc" or "desc"`)
		}
	case "limit":
		if q.Limit, err = parseLimit(text); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s is not a parameter; the parameters are topic, source, event_id, since, until, order, limit and cursor", shown(name))
	}
	if err == nil && !event.ValidText(text) {
		return errors.New(notText(name))
	}
	return err
}

func notText(name string) string {
	return fmt.Sprintf("%s must be UTF-8 of 1 to %d bytes without control characters", name, event.MaxTextBytes)
}

func parseLimit(text string) (int, error) {
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxPageLimit {
		return 0, fmt.Errorf("limit must be a number from 1 to %d", maxPageLimit)
	}
	return limit, nil
}

func parseTime(name, text string) (time.Time, error) {
	t, err := event.ParseTimestamp(text)
	switch {
	case err != nil && strings.Contains(text, " "):
		return t, fmt.Errorf(`%s %w (send "+" in an offset as %%2B)`, name, err)
	case err != nil:
		return t, fmt.Errorf("%s %w", name, err)
	}
	return t, nil
}
