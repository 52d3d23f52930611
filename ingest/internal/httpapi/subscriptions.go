package httpapi

import (
	"bytes"
	"context"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// Subscriptions keeps places in the feed under names. An error that is not named at a method means that the
// database could not be asked.
type Subscriptions interface {
	// Create keeps a new subscription; false: there is one of that name, and it stays as it is. It fails with
	// event.ErrSubscriptionsFull.
	Create(ctx context.Context, sub event.Subscription) (bool, error)
	// Get returns one; false: there is none of that name.
	Get(ctx context.Context, name string) (event.Subscription, bool, error)
	// Commit moves one forward, if it brings these topics; nil: whatever it brings. A place that it has passed changes
	// nothing.
	Commit(ctx context.Context, name string, topics []string, at event.Position) error
	// Delete forgets one, likewise, and tells whether it was there.
	Delete(ctx context.Context, name string, topics []string) (bool, error)
	// Each reads all, by name, with how far each is behind, and ends with the first error of f.
	Each(ctx context.Context, f func(*event.Subscription) error) error
}

func (s *Server) subscriptions(ctx *fasthttp.RequestCtx) error {
	if err := noParameter(ctx.URI()); err != nil {
		return err
	}
	bounded, cancel := s.bounded()
	defer cancel()
	done, err := s.listing(bounded)
	if err != nil {
		return err
	}
	defer done()
	list, err := s.listed(bounded, connOf(ctx).topics)
	if err != nil {
		return readError(err)
	}
	return s.respondList(ctx, list)
}

var errListTooLong = &refusal{problemReads, "the list of subscriptions is larger than an answer may be (--max-reads-in-flight); DELETE some, or create them again with fewer topics"}

// listed makes the list of all subscriptions that bring no other topics than these. It stops reading once the list is
// longer than an answer may be: a thousand subscriptions with the most topics allowed are 100 MB. It gathers the parts
// and joins them at the end, because a buffer that grows leaves some five times its length behind as garbage.
func (s *Server) listed(ctx context.Context, topics *event.Scope) ([]byte, error) {
	var parts [][]byte
	var part []byte
	size, most := 0, max(s.Limits.Reads, answerKept)
	err := s.Subscriptions.Each(ctx, func(sub *event.Subscription) error {
		if !topics.HasEach(sub.Topics) {
			return nil
		}
		part = append(appendSubscription(part[:0], sub), ',')
		if size += len(part); int64(size) > most {
			return errListTooLong
		}
		parts = append(parts, bytes.Clone(part))
		return nil
	})
	if err != nil {
		return nil, err
	}
	const before, after = `{"subscriptions":[`, "]}"
	list := append(make([]byte, 0, len(before)+size+len(after)), before...)
	for i, part := range parts {
		list = append(list, part...)
		parts[i] = nil
	}
	return append(bytes.TrimSuffix(list, []byte(",")), after...), nil
}

func (s *Server) unsubscribe(ctx *fasthttp.RequestCtx) error {
	name, err := subscriptionName(ctx)
	if err == nil {
		err = noParameter(ctx.URI())
	}
	if err != nil {
		return err
	}
	bounded, cancel := s.bounded()
	defer cancel()
	topics, err := s.permit(bounded, connOf(ctx), name)
	if err != nil {
		return readError(err)
	}
	switch there, err := s.Subscriptions.Delete(bounded, name, topics); {
	case err != nil:
		return readError(err)
	case !there:
		return errNoSubscription
	}
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

func (s *Server) commit(ctx *fasthttp.RequestCtx) error {
	name, err := subscriptionName(ctx)
	var body struct {
		Cursor string `json:"cursor"`
	}
	if err == nil {
		err = s.readObject(ctx, &body, "cursor")
	}
	if err != nil {
		return err
	}
	bounded, cancel := s.bounded()
	defer cancel()
	sub, err := s.committed(bounded, connOf(ctx), name, body.Cursor)
	if err != nil {
		return readError(err)
	}
	respond(ctx, fasthttp.StatusOK, appendSubscription(nil, &sub))
	return nil
}

func (s *Server) committed(ctx context.Context, client *conn, name, cursor string) (event.Subscription, error) {
	switch cursor {
	case "":
		return event.Subscription{}, &refusal{problemBadCursor, "cursor is missing; " + wantedCursor}
	case "now", "beginning":
		return event.Subscription{}, &refusal{problemBadCursor, "cursor: now and beginning cannot be committed; " + wantedCursor}
	}
	topics, err := s.permit(ctx, client, name)
	if err != nil {
		return event.Subscription{}, err
	}
	at, err := s.Reader.Start(ctx, cursor)
	if err != nil {
		return event.Subscription{}, cursorError("cursor", wantedCursor, err)
	}
	if err := s.Subscriptions.Commit(ctx, name, topics, at); err != nil {
		return event.Subscription{}, err
	}
	return s.subscription(ctx, client, name)
}

// subscription fails with errNoSubscription if there is none of that name, and if the client's key is not for it.
func (s *Server) subscription(ctx context.Context, client *conn, name string) (event.Subscription, error) {
	sub, there, err := s.Subscriptions.Get(ctx, name)
	switch {
	case err == nil && !there:
		err = errNoSubscription
	case err == nil:
		err = client.mayFollow(&sub)
	}
	return sub, err
}

// permit fails as subscription does, but only for a key that does not have all topics: the others are spared the query.
// It returns the topics that the subscription has to bring when it is changed, since somebody may make it anew before
// that; nil: any.
func (s *Server) permit(ctx context.Context, client *conn, name string) (topics []string, err error) {
	if client.topics == nil {
		return nil, nil
	}
	sub, err := s.subscription(ctx, client, name)
	return sub.Topics, err
}

var errNoSubscription = &refusal{problemNoSubscription, "there is no subscription with this name; create it with PUT"}

func subscriptionName(ctx *fasthttp.RequestCtx) (string, error) {
	name, err := pathValue(ctx, 2, "name")
	if err == nil && !event.ValidSubscriptionName(name) {
		err = &refusal{problemBadParameter, "a name must be 1 to 64 characters from a-z, 0-9, dot, underscore and hyphen"}
	}
	return name, err
}
