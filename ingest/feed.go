package main

import (
	"context"

	"ingot/ingest/internal/feed"
	"ingot/ingest/internal/httpapi"
	"ingot/ingest/internal/pipeline"
	"ingot/internal/event"
)

// waking is a store that wakes the feed after each commit of this process.
type waking struct {
	pipeline.Store
	wake func()
}

// Merge implements pipeline.Store.
func (w waking) Merge(ctx context.Context, b event.Batch, sent func()) ([]bool, error) {
	stored, err := w.Store.Merge(ctx, b, sent)
	if err == nil {
		w.wake()
	}
	return stored, err
}

// gateFeed is the hub in the form that the HTTP gate asks for.
type gateFeed struct{ hub *feed.Hub }

// Subscribe implements httpapi.Feed.
func (g gateFeed) Subscribe(q event.Query, from event.Position) (httpapi.Subscriber, error) {
	s, err := g.hub.Subscribe(q, from)
	if err != nil {
		return nil, err
	}
	return s, nil
}
