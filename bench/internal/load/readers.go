package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"ingot/bench/internal/server"
)

// Readers read pages while others write: every second one follows the feed from
// its beginning, the others look at the newest events.
type Readers struct {
	Address string
	Count   int

	stop    context.CancelFunc
	running sync.WaitGroup
	pages   atomic.Int64
	failed  atomic.Pointer[error] // the first failure
}

const (
	feedLimit   = "1000"
	browseLimit = "100"

	// readPause is the pause of a reader between two pages: ten a second are a busy screen. A reader that follows the feed
	// and is behind does not wait.
	readPause = 100 * time.Millisecond
)

// Start lets the readers read until Stop.
func (r *Readers) Start(ctx context.Context) {
	ctx, r.stop = context.WithCancel(ctx)
	for i := range r.Count {
		query := url.Values{"limit": {browseLimit}}
		if i%2 == 0 {
			query = url.Values{"limit": {feedLimit}, "order": {"asc"}}
		}
		r.running.Go(func() { r.loop(ctx, query) }) // ends with Stop, which waits
	}
}

// Stop ends the readers and returns how many pages they have read.
func (r *Readers) Stop() (pages int, err error) {
	r.stop()
	r.running.Wait()
	if failed := r.failed.Load(); failed != nil {
		err = fmt.Errorf("reader: %w", *failed)
	}
	return int(r.pages.Load()), err
}

func (r *Readers) loop(ctx context.Context, query url.Values) {
	client := &http.Client{Transport: &http.Transport{}, Timeout: answerTimeout}
	defer client.CloseIdleConnections()
	for ctx.Err() == nil {
		var page struct {
			Events []json.RawMessage
			Next   string `json:"next_cursor"`
		}
		if _, err := server.Get(ctx, client, "http://"+r.Address+"/events?"+query.Encode(), &page); err != nil {
			if ctx.Err() == nil {
				r.failed.CompareAndSwap(nil, &err)
			}
			return
		}
		r.pages.Add(1)
		follows := query.Get("order") == "asc"
		if follows {
			query.Set("cursor", page.Next)
		}
		if !follows || len(page.Events) == 0 {
			_ = sleep(ctx, readPause)
		}
	}
}
