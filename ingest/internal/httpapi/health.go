package httpapi

import (
	"context"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"
)

// readyTimeout bounds the database's answer to /readyz: a probe that takes longer is a no.
const readyTimeout = 2 * time.Second

// healthz says that the process runs; it asks nobody.
func (s *Server) healthz(ctx *fasthttp.RequestCtx) error {
	respond(ctx, fasthttp.StatusOK, []byte(`{"status":"ok"}`))
	return nil
}

// readyz says whether events sent now have a chance: not draining, and the database answers.
func (s *Server) readyz(ctx *fasthttp.RequestCtx) error {
	if s.draining.Load() {
		return &refusal{problemDraining, "the server is stopping"}
	}
	bounded, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	if err := s.Reader.Ping(bounded); err != nil {
		return fmt.Errorf("%w: %w", errUnread, err) // not readError, which names --query-timeout
	}
	respond(ctx, fasthttp.StatusOK, []byte(`{"status":"ready"}`))
	return nil
}
