package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"ingot/internal/event"
	"ingot/publisher/internal/client"
)

// follow is the subcommand: its flags.
type follow struct {
	server
	Topic        []string       `sep:"none" help:"Only events of this topic; may be repeated."`
	Source       string         `help:"Only events of this source."`
	After        string         `placeholder:"now|beginning|CURSOR" help:"Where to begin. Default: now."`
	Subscription string         `placeholder:"NAME" help:"Follow this subscription: the server keeps its place, which moves on once events have been printed."`
	Create       bool           `help:"Create the subscription, with --topic, --source and --after, if there is none."`
	Count        int            `default:"0" help:"End after this many events; 0: only when interrupted."`
	JSON         bool           `name:"json" help:"Print events as the server writes them, one per line; publisher replay can send them again."`
	Timeout      time.Duration  `default:"15s" help:"Longest wait for an answer to begin."`
	Silence      time.Duration  `default:"60s" help:"Reopen a stream that brings nothing for this long; set it above the server's --stream-heartbeat."`
	GiveUpAfter  *time.Duration `help:"How long an outage may last. Default: no limit."`
}

// Validate is called by kong once the flags are read.
func (f *follow) Validate(k *kong.Context) error {
	if err := cmp.Or(f.check(k), checkWaits(f.Timeout, f.GiveUpAfter)); err != nil {
		return err
	}
	switch {
	case f.Count < 0:
		return errors.New("--count must be 0 or more")
	case f.Silence <= 0:
		return errors.New("--silence must be more than 0s")
	case slices.ContainsFunc(f.Topic, func(t string) bool { return !event.ValidText(t) }) || f.Source != "" && !event.ValidText(f.Source):
		return fmt.Errorf("--topic and --source must be 1 to %d bytes of UTF-8 without control characters", event.MaxTextBytes)
	}
	return f.validateSubscription()
}

func (f *follow) validateSubscription() error {
	switch {
	case f.Subscription == "" && f.Create:
		return errors.New("--create needs --subscription, the name of the subscription to create")
	case f.Subscription == "":
		return nil
	case !event.ValidSubscriptionName(f.Subscription):
		return errors.New("--subscription must be 1 to 64 characters from a-z, 0-9, dot, underscore and hyphen")
	case !f.Create && (len(f.Topic) > 0 || f.Source != "" || f.After != ""):
		return errors.New("--topic, --source and --after need --create, since an existing subscription has its own")
	}
	return nil
}

func (f *follow) query() client.Query {
	return client.Query{After: cmp.Or(f.After, "now"), Topics: f.Topic, Source: f.Source}
}

func (f *follow) patience() time.Duration {
	if f.GiveUpAfter != nil {
		return *f.GiveUpAfter
	}
	return forever
}

// Run prints events until there are enough, an interrupt, or a final refusal.
func (f *follow) Run(ctx context.Context, out surroundings) error {
	f.warn(out)
	c := f.client(out, 1, f.Timeout, f.patience())
	defer c.Close()
	r := &following{follow: f, screen: newScreen(ctx, out), pace: newPace(time.Now()), feed: c.Follower()}
	r.feed.Silence, r.feed.Lost, r.feed.Back = f.Silence, r.lost, r.back
	defer r.screen.stdout.end()
	stop := r.screen.live(r.pace.words)
	err := r.run(ctx)
	stop()
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, ctx.Err())) {
		err = nil // the interrupt: how most followings end
	}
	if unprinted := r.screen.flush(); err == nil {
		err = unprinted
	}
	out.words.conclude(ctx, r.summary(err))
	if err != nil {
		return ended{exitBad, nil}
	}
	return nil
}

// following is one run of follow. It belongs to the goroutine that calls Run; pace and
// screen are also looked at by the live line.
type following struct {
	*follow
	screen *screen
	pace   *pace
	feed   *client.Follower

	at      string // of a stream: the place behind what came last, which may not be printed yet
	open    int    // of a subscription: events printed and not committed
	outages int
}

func (r *following) run(ctx context.Context) error {
	if r.Subscription != "" {
		return r.consume(ctx)
	}
	for d, err := range r.feed.Stream(ctx, r.query()) {
		if err != nil {
			return err
		}
		if d.Object != nil {
			if err := r.show(d.Object, d.Place); err != nil {
				return err
			}
		}
		if r.at = d.Place; r.wanted() == 0 {
			return nil
		}
		if d.Last {
			if err := r.screen.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// show puts an event on the screen. place is the one behind the event, "" for an event of a subscription.
func (r *following) show(object []byte, place string) error {
	var e client.Row
	if err := json.Unmarshal(object, &e); err != nil {
		return fmt.Errorf("the server sent something that is not an event: %w", err)
	}
	r.pace.add(time.Now(), e.ReceivedAt)
	if r.JSON {
		return r.screen.put(oneLine(object), place)
	}
	return r.screen.put(lineOf(e, r.screen.width()), place)
}

// wanted is how many more events to print, a page of them at most.
func (r *following) wanted() int {
	if r.Count == 0 {
		return pollPage
	}
	return min(r.Count-r.pace.total(), pollPage)
}

func (r *following) lost(err error) {
	r.outages++
	r.screen.say("%v; trying again", err)
}

func (r *following) back(away time.Duration) {
	r.screen.say("connected again after %v", away.Round(100*time.Millisecond))
}
