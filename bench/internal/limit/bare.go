package limit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/valyala/fasthttp"

	"ingot/bench/internal/mix"
)

// ServeBare answers each request once the group that it came in is committed, until ctx ends. Of ten requests seven bring a
// row, as seven of ten of the usual events are new. The row is made up here: nothing of an event is read, sorted, looked up,
// logged or told apart. Groups go over one connection, each as one Query with BEGIN, COPY and COMMIT. The next group is sent
// while the answer to the last is awaited, if it is as large.
//
// The distance between this server and the ingester is the price of the promise. The distance between this server and
// ServeNothing is what nobody can save who writes rows. The database behind url must hold the schema.
func ServeBare(ctx context.Context, listener net.Listener, url string) error {
	encoder, err := mix.NewEncoder(mix.Mix{})
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	b := &bare{conn: conn, encoder: encoder, sent: make(chan bareGroup, bareAhead)}
	b.changed.L = &b.mu
	var running sync.WaitGroup
	running.Go(b.write) // stops with end, awaited below
	running.Go(b.read)  // stops with write, likewise
	err = serve(ctx, listener, b.answer)
	b.end(errors.New("the server was stopped"))
	_ = conn.Close(context.WithoutCancel(ctx))
	running.Wait()
	return err
}

// bareAhead is how many groups may be on their way at a time: as many as batches with the ingester.
const bareAhead = 2

type bare struct {
	conn    *pgconn.PgConn
	encoder *mix.Encoder
	sent    chan bareGroup // groups on their way, in order
	rows    int            // of write alone: how many requests it has sent, with a row or without
	buf     []byte         // of write alone
	waiters sync.Pool

	mu      sync.Mutex
	changed sync.Cond // the queue, flights or ended has changed
	queue   bareGroup
	flights []int // the size of each group on its way
	ended   error // why no more requests are taken; nil: they are
}

// bareGroup is the requests of a transaction.
type bareGroup []chan error

func (b *bare) answer(c *fasthttp.RequestCtx) {
	if err := b.wait(); err != nil {
		c.Error(err.Error(), fasthttp.StatusInternalServerError)
		return
	}
	c.Response.Header.SetContentType("application/json")
	c.Response.SetBodyString(storedAnswer)
}

// wait queues a request and returns when its group is committed.
func (b *bare) wait() error {
	waiter, ok := b.waiters.Get().(chan error)
	if !ok {
		waiter = make(chan error, 1)
	}
	defer b.waiters.Put(waiter)
	b.mu.Lock()
	if b.ended != nil {
		defer b.mu.Unlock()
		return b.ended
	}
	b.queue = append(b.queue, waiter)
	wanted := b.wantedLocked()
	b.mu.Unlock()
	if wanted {
		b.changed.Signal()
	}
	return <-waiter
}

// wantedLocked tells whether the queue may be sent as a group now, by the ingester's rule: behind another group only one as
// large.
func (b *bare) wantedLocked() bool {
	n := len(b.queue)
	return n > 0 && (len(b.flights) == 0 || len(b.flights) < bareAhead && n >= b.flights[0])
}

// take waits until the queue may be sent as a group, and takes it; nil: the end has come.
func (b *bare) take() bareGroup {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.wantedLocked() && b.ended == nil {
		b.changed.Wait()
	}
	group := b.queue
	if group != nil {
		b.queue = make(bareGroup, 0, len(group))
		b.flights = append(b.flights, len(group))
	}
	return group
}

// write sends groups, until the end.
func (b *bare) write() {
	defer close(b.sent)
	for group := b.take(); group != nil; group = b.take() {
		b.buf = b.appendGroup(b.buf[:0], len(group))
		b.sent <- group
		if _, err := b.conn.Conn().Write(b.buf); err != nil {
			b.end(fmt.Errorf("send a group: %w", err))
		}
	}
}

const bareQuery = "BEGIN; COPY ingot.events (" + mix.CopyColumns + ") FROM STDIN (FORMAT binary); COMMIT\x00"

// appendGroup encodes a group's Query, CopyData and CopyDone.
func (b *bare) appendGroup(buf []byte, requests int) []byte {
	buf = appendMessage(buf, 'Q', func(buf []byte) []byte { return append(buf, bareQuery...) })
	buf = appendMessage(buf, 'd', func(buf []byte) []byte {
		buf = append(buf, mix.CopyHeader...)
		for range requests {
			if b.rows++; b.rows%10 < 7 {
				buf = b.encoder.AppendRow(buf, b.rows, int64(b.rows))
			}
		}
		return append(buf, mix.CopyTrailer...)
	})
	return appendMessage(buf, 'c', func(buf []byte) []byte { return buf })
}

// appendMessage frames a message of the protocol: type, length, body.
func appendMessage(buf []byte, kind byte, body func([]byte) []byte) []byte {
	at := len(buf)
	buf = body(append(buf, kind, 0, 0, 0, 0))
	binary.BigEndian.PutUint32(buf[at+1:], uint32(len(buf)-at-1))
	return buf
}

// read answers groups in the order they were sent, until the end.
func (b *bare) read() {
	for group := range b.sent {
		err := b.committed()
		if err != nil {
			b.end(err)
		}
		b.mu.Lock()
		b.flights = b.flights[1:]
		wanted := b.wantedLocked()
		b.mu.Unlock()
		if wanted {
			b.changed.Signal()
		}
		for _, waiter := range group {
			waiter <- err
		}
	}
}

// committed reads up to ReadyForQuery.
func (b *bare) committed() (err error) {
	for {
		message, failed := b.conn.ReceiveMessage(context.Background()) // ends with the connection
		if failed != nil {
			return fmt.Errorf("wait for COMMIT: %w", failed)
		}
		switch m := message.(type) {
		case *pgproto3.ErrorResponse:
			err = pgconn.ErrorResponseToPgError(m)
		case *pgproto3.ReadyForQuery:
			return err
		}
	}
}

// end answers every request that is queued, and every later one, with the reason of the end. The first reason counts.
func (b *bare) end(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended == nil {
		b.ended = why
	}
	for _, waiter := range b.queue {
		waiter <- b.ended
	}
	b.queue = nil
	b.changed.Broadcast()
}
