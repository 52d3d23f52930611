package httpapi

import (
	"context"
	"fmt"
	"slices"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// subscribe makes a subscription, or finds that it is there.
func (s *Server) subscribe(ctx *fasthttp.RequestCtx) error {
	sub, err := s.wantedSubscription(ctx)
	if err == nil {
		err = connOf(ctx).mayRead(sub.Topics)
	}
	if err != nil {
		return err
	}
	bounded, cancel := s.bounded()
	defer cancel()
	status := fasthttp.StatusOK
	kept, there, err := s.Subscriptions.Get(bounded, sub.Name)
	if err == nil && !there {
		status = fasthttp.StatusCreated
		kept, err = s.create(bounded, sub)
	}
	switch {
	case err != nil:
		return readError(err)
	case !kept.Same(&sub):
		return &refusal{problemDiffers, "a subscription with this name exists, with a different after, topics or source; delete it first, or use another name"}
	}
	respond(ctx, status, appendSubscription(nil, &kept))
	return nil
}

// create makes a subscription that begins where the request asks to. If another request was first, its
// subscription is returned.
func (s *Server) create(ctx context.Context, sub event.Subscription) (event.Subscription, error) {
	at, err := s.Reader.Start(ctx, sub.After)
	if err != nil {
		return sub, cursorError("after", wantedPlace, err)
	}
	sub.At = at
	if _, err = s.Subscriptions.Create(ctx, sub); err != nil {
		return sub, err
	}
	kept, there, err := s.Subscriptions.Get(ctx, sub.Name)
	if !there {
		kept = sub // deleted since: it was made all the same
	}
	return kept, err
}

// wantedSubscription reads the subscription that the request asks for. A member that is there and empty is refused:
// otherwise a template that lacks a value would make a subscription for all sources, or from now on.
func (s *Server) wantedSubscription(ctx *fasthttp.RequestCtx) (sub event.Subscription, err error) {
	var body struct {
		After  string   `json:"after"`
		Topics []string `json:"topics"`
		Source *string  `json:"source"`
	}
	body.After = "now"
	if sub.Name, err = subscriptionName(ctx); err != nil {
		return sub, err
	}
	if err := s.readObject(ctx, &body, "after", "topics", "source"); err != nil {
		return sub, err
	}
	invalid := func(text string) bool { return !event.ValidText(text) }
	switch {
	case body.After == "":
		return sub, &refusal{problemBadParameter, "after is empty; " + wantedPlace + ", or leave it out"}
	case len(body.Topics) > maxTopics:
		return sub, &refusal{problemBadParameter, fmt.Sprintf("there may be at most %d topics", maxTopics)}
	case slices.ContainsFunc(body.Topics, invalid):
		return sub, &refusal{problemBadParameter, notText("each of topics")}
	case body.Source != nil && invalid(*body.Source):
		return sub, &refusal{problemBadParameter, notText("source") + "; leave it out for all"}
	}
	sub.After, sub.Topics = body.After, body.Topics
	if body.Source != nil {
		sub.Source = *body.Source
	}
	slices.Sort(sub.Topics)
	sub.Topics = slices.Compact(sub.Topics)
	return sub, nil
}
