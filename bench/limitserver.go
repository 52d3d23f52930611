package main

import (
	"context"
	"fmt"
	"net"

	"ingot/bench/internal/limit"
	"ingot/bench/internal/scenario"
)

// limitServerCommand is the server of a limit. It is hidden: the bench starts itself with it, so that it runs in a process of its
// own as the ingester does.
type limitServerCommand struct {
	Limit       string `arg:"" enum:"nothing,bare,naive" help:"Which limit."`
	Listen      string `required:"" help:"Address to listen on."`
	DatabaseURL string `name:"database-url" help:"Postgres with the schema; nothing needs none."`
}

func (c *limitServerCommand) Run(ctx context.Context) error {
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	switch c.Limit {
	case scenario.LimitNothing:
		return limit.ServeNothing(ctx, listener)
	case scenario.LimitBare:
		return limit.ServeBare(ctx, listener, c.DatabaseURL)
	}
	return limit.ServeNaive(ctx, listener, c.DatabaseURL)
}
