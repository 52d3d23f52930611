package limit

import (
	"context"
	"fmt"
	"net"

	"github.com/valyala/fasthttp"
)

// storedAnswer is the ingester's answer to a new event, with an id of the usual length, so that the client has as much to
// read.
const storedAnswer = `{"status":"stored","event_id":"00000000-0000-4000-8000-000000000000","topic":"payment-processed"}`

// ServeNothing answers every request as if its event were stored, until ctx ends.
func ServeNothing(ctx context.Context, listener net.Listener) error {
	return serve(ctx, listener, func(c *fasthttp.RequestCtx) {
		c.Response.Header.SetContentType("application/json")
		c.Response.SetBodyString(storedAnswer)
	})
}

// serve runs handler until ctx ends; open connections are dropped then.
func serve(ctx context.Context, listener net.Listener, handler fasthttp.RequestHandler) error {
	server := &fasthttp.Server{
		Handler:            handler,
		Name:               "bench",
		MaxRequestBodySize: 32 << 20,
		Concurrency:        16_384,
		CloseOnShutdown:    true,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }() // ends with Shutdown, awaited below
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithCancel(context.Background())
	cancel() // open connections are dropped: the client that measured has its answers
	_ = server.ShutdownWithContext(stop)
	return <-served
}
