package main

import (
	"context"
	"errors"
	"sync"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/reader"
)

// readers are the connections that read, in pools of their own, so that none of these uses waits for another.
type readers struct {
	pages         *reader.Reader
	tail          *reader.Reader // the hub reads one page at a time, and must not wait for pages that others read
	probe         *reader.Reader // the answer to a probe must not wait for them either
	subscriptions *reader.Subscriptions
}

// openReaders makes the pools; they connect when they are first used.
func openReaders(url string, c config) (r readers, err error) {
	of := func(connections int) postgres.PoolConfig {
		return postgres.PoolConfig{Connections: connections, Timeout: c.QueryTimeout}
	}
	var errs [4]error
	r.pages, errs[0] = reader.Open(url, of(c.ReadConnections))
	r.tail, errs[1] = reader.Open(url, of(1))
	r.probe, errs[2] = reader.Open(url, of(1))
	r.subscriptions, errs[3] = reader.OpenSubscriptions(url, of(2), c.MaxSubscriptions)
	if err := errors.Join(errs[:]...); err != nil {
		r.close()
		return readers{}, err
	}
	return r, nil
}

// close ends all pools at once: each may take a moment if the database hangs.
func (r readers) close() {
	var closing sync.WaitGroup
	for _, one := range []*reader.Reader{r.probe, r.tail, r.pages} {
		if one != nil {
			closing.Go(one.Close)
		}
	}
	if r.subscriptions != nil {
		closing.Go(r.subscriptions.Close)
	}
	closing.Wait()
}

// probed reads pages over the connections of one reader. Over the connections of another it asks whether the database
// answers.
type probed struct {
	*reader.Reader
	probe *reader.Reader
}

// Ping implements httpapi.Reader.
func (p probed) Ping(ctx context.Context) error { return p.probe.Ping(ctx) }
