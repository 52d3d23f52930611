package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ingot/internal/event"
	"ingot/publisher/internal/client"
)

const (
	// maxBody bounds the body of a request with several events. It is below the 32 MiB that the server takes in one
	// body, and below the 8 MiB that the server commits in one batch.
	maxBody = 4 << 20

	// linger is how long the first event of a batch waits for others where lines only trickle. Nobody who watches
	// notices so short a time, and the server can make many commits in it. A guess.
	linger = 100 * time.Millisecond
)

// bundle is a batch in the making.
type bundle struct {
	items []item
	bytes int
	due   <-chan time.Time
}

func (b *bundle) add(it item) {
	if len(b.items) == 0 {
		b.due = time.After(linger)
	}
	b.items = append(b.items, it)
	b.bytes += len(it.JSON) + 1
}

// batches cuts the events that the readers bring into batches. A batch ends at size events, before it would exceed
// maxBody bytes, or when linger has passed since its first event.
func (in *intake) batches(ctx context.Context, size int, deal func([]item) bool) {
	var b bundle
	give := func() bool {
		ready := b.items
		b = bundle{}
		return len(ready) == 0 || deal(ready)
	}
	for going := true; going; {
		select {
		case it, more := <-in.items:
			if !more {
				give()
				return
			}
			if b.bytes+len(it.JSON) > maxBody {
				going = give()
			}
			if b.add(it); len(b.items) == size {
				going = going && give()
			}
		case <-b.due:
			going = give()
		case <-ctx.Done():
			return
		}
	}
}

// settled takes in what became of a batch.
func (in *intake) settled(items []item, res client.Result, m *meter) {
	indexes, bytes := make([]int, len(items)), 0
	for n, it := range items {
		indexes[n] = it.index
		bytes += it.Size
	}
	in.tally.Add(indexes, res)
	in.nameUnsettled(items, res)
	in.countFinal(res)
	m.Add(bytes)
}

func (in *intake) nameUnsettled(items []item, res client.Result) {
	words := map[client.Status]string{client.Failed: "not stored", client.Unknown: "not known to be stored", client.Invalid: "refused by the server"}
	for n, it := range items {
		word, bad := words[res.Statuses[n]]
		switch faults := res.Faults[n]; {
		case len(faults) > 0:
			in.name(it.file.where(it.Line) + ": " + client.InWords(faults))
		case bad:
			in.name(fmt.Sprintf("%s: %s: %v", it.file.where(it.Line), word, res.Err))
		}
	}
}

// countFinal counts the events of a batch that was refused as a whole, and for good.
func (in *intake) countFinal(res client.Result) {
	if res.GaveUp || !strings.HasPrefix(res.Cause, "http_") {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if res.Cause == "http_413" {
		in.final.tooLarge += len(res.Statuses)
		if len(res.Statuses) == 1 {
			in.final.alone++
		}
		return
	}
	in.final.other += len(res.Statuses)
}

func eventsOf(items []item) []event.Event {
	events := make([]event.Event, len(items))
	for n, it := range items {
		events[n] = it.Event
	}
	return events
}

// bodyOf is one event as an object, and several as an array.
func bodyOf(items []item) []byte {
	if len(items) == 1 {
		return items[0].JSON
	}
	var body []byte
	for n, it := range items {
		body = append(body, "[,"[min(n, 1)])
		body = append(body, it.JSON...)
	}
	return append(body, ']')
}
