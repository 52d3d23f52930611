package main

import (
	"context"
	"errors"

	"ingot/ingest/internal/postgres"
)

// readers are the connections that read, apart so that none waits for another's.
type readers struct {
	pages         *postgres.Reader
	tail          *postgres.Reader // the hub's one reading at a time must not wait for pages that others read
	probe         *postgres.Reader // nor must the answer to a probe
	subscriptions *postgres.Subscriptions
}

// openReaders makes the pools; they connect when they are first used.
func openReaders(url string, c config) (r readers, err error) {
	of := func(connections int) postgres.ReaderConfig {
		return postgres.ReaderConfig{Connections: connections, Timeout: c.QueryTimeout}
	}
	var errs [4]error
	r.pages, errs[0] = postgres.OpenReader(url, of(c.ReadConnections))
	r.tail, errs[1] = postgres.OpenReader(url, of(1))
	r.probe, errs[2] = postgres.OpenReader(url, of(1))
	r.subscriptions, errs[3] = postgres.OpenSubscriptions(url, of(2), c.MaxSubscriptions)
	if err := errors.Join(errs[:]...); err != nil {
		r.close()
		return readers{}, err
	}
	return r, nil
}

// close waits for the readings under way.
func (r readers) close() {
	for _, reader := range []*postgres.Reader{r.probe, r.tail, r.pages} {
		if reader != nil {
			reader.Close()
		}
	}
	if r.subscriptions != nil {
		r.subscriptions.Close()
	}
}

// probed reads pages over the connections of one reader, and asks whether the database
// answers over those of another.
type probed struct {
	*postgres.Reader
	probe *postgres.Reader
}

// Ping implements httpapi.Reader.
func (p probed) Ping(ctx context.Context) error { return p.probe.Ping(ctx) }
