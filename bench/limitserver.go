package main

import (
	"context"
	"fmt"
	"net"

	"ingot/bench/internal/limit"
)

// nothingCommand and naiveCommand are the servers of two limits. They are hidden:
// the bench starts itself with them, so that they run in a process of their own as
// the ingester does.
type nothingCommand struct {
	Listen string `required:"" help:"Address to answer on."`
}

// Run implements kong's interface.
func (c *nothingCommand) Run(ctx context.Context) error {
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return limit.ServeNothing(ctx, listener)
}

type naiveCommand struct {
	Listen      string `required:"" help:"Address to answer on."`
	DatabaseURL string `name:"database-url" required:"" help:"Postgres with the schema."`
}

// Run implements kong's interface.
func (c *naiveCommand) Run(ctx context.Context) error {
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return limit.ServeNaive(ctx, listener, c.DatabaseURL)
}
