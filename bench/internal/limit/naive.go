package limit

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/valyala/fasthttp"
)

// naiveConnections is the size of the pool: more made it no faster on two cores.
const naiveConnections = 32

// naiveInsert writes the same row as the ingester, into the same table. A
// received_at of the database's and an id from the sequence save it a little work.
const naiveInsert = `INSERT INTO ingot.events (event_id, topic, id, source, "timestamp", received_at, payload)
	VALUES ($1, $2, nextval('ingot.id_blocks'), $3, $4, now(), $5) ON CONFLICT (event_id, topic) DO NOTHING`

// naiveEvent is what a body is decoded into: this server does no other checking.
type naiveEvent struct {
	ID        string          `json:"event_id"`
	Topic     string          `json:"topic"`
	Source    string          `json:"source"`
	Timestamp time.Time       `json:"timestamp"`
	Payload   json.RawMessage `json:"payload"`
}

// ServeNaive answers single events with one INSERT each, until ctx ends. The
// database behind url must hold the schema.
func ServeNaive(ctx context.Context, listener net.Listener, url string) error {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("database url: %w", err)
	}
	config.MaxConns = naiveConnections
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer pool.Close()
	return serve(ctx, listener, func(c *fasthttp.RequestCtx) { naive(c, pool) })
}

func naive(c *fasthttp.RequestCtx, pool *pgxpool.Pool) {
	var e naiveEvent
	if err := json.Unmarshal(c.PostBody(), &e); err != nil {
		c.Error(err.Error(), fasthttp.StatusBadRequest)
		return
	}
	tag, err := pool.Exec(context.Background(), naiveInsert, e.ID, e.Topic, e.Source, e.Timestamp, string(e.Payload))
	if err != nil {
		c.Error(err.Error(), fasthttp.StatusInternalServerError)
		return
	}
	status := "duplicate"
	if tag.RowsAffected() == 1 {
		status = "stored"
	}
	c.Response.Header.SetContentType("application/json")
	fmt.Fprintf(c, `{"status":%q,"event_id":%q,"topic":%q}`, status, e.ID, e.Topic)
}
