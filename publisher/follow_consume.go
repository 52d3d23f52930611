package main

import (
	"context"
	"time"

	"ingot/publisher/internal/client"
)

const (
	// pollWait is how long the server may hold back an empty page of a subscription: half of what it allows, so that
	// a proxy in between is not the first to lose patience.
	pollWait = 30 * time.Second

	// pollPage is the most events between two commits, and so the most that come again after a crash.
	pollPage = 1000
)

// consume reads pages of a subscription.
//
//  1. What lies behind the committed place is read: at most what is wanted.
//  2. It is printed, and has left this process: the write of stdout has returned.
//  3. The end of the page is committed, also that of an empty one that moved on.
//
// A crash before 3 brings the page again; nothing is left out.
func (r *following) consume(ctx context.Context) error {
	if r.Create {
		if err := r.feed.Create(ctx, r.Subscription, r.query()); err != nil {
			return err
		}
	}
	committed := ""
	for r.wanted() > 0 {
		began := time.Now()
		page, err := r.feed.Poll(ctx, r.Subscription, r.wanted(), pollWait)
		if err != nil {
			return err
		}
		if err := r.page(page); err != nil {
			return err
		}
		if page.Next != committed {
			if err := r.feed.Commit(ctx, r.Subscription, page.Next); err != nil {
				return err
			}
			committed, r.open = page.Next, 0
		} else if len(page.Events) == 0 {
			sleepUntil(ctx, began.Add(time.Second)) // in case the server does not hold an empty page back
		}
	}
	return nil
}

func (r *following) page(page client.Objects) error {
	for _, object := range page.Events {
		if err := r.show(object, ""); err != nil {
			return err
		}
		r.open++
	}
	return r.screen.flush()
}
