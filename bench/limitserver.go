package main

import (
	"context"
	"fmt"
	"net"

	"ingot/bench/internal/limit"
)

// nothingCommand, bareCommand and naiveCommand are the servers of three limits. They are
// hidden: the bench starts itself with them, so that they run in a process of their own
// as the ingester does.
type nothingCommand struct{ address }

// Run implements kong's interface.
func (c *nothingCommand) Run(ctx context.Context) error {
	return c.serve(func(l net.Listener) error { return limit.ServeNothing(ctx, l) })
}

type bareCommand struct {
	address
	database
}

// Run implements kong's interface.
func (c *bareCommand) Run(ctx context.Context) error {
	return c.serve(func(l net.Listener) error { return limit.ServeBare(ctx, l, c.DatabaseURL) })
}

type naiveCommand struct {
	address
	database
}

// Run implements kong's interface.
func (c *naiveCommand) Run(ctx context.Context) error {
	return c.serve(func(l net.Listener) error { return limit.ServeNaive(ctx, l, c.DatabaseURL) })
}

type address struct {
	Listen string `required:"" help:"Address to listen on."`
}

func (a *address) serve(serve func(net.Listener) error) error {
	listener, err := net.Listen("tcp", a.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return serve(listener)
}

type database struct {
	DatabaseURL string `name:"database-url" required:"" help:"Postgres with the schema."`
}
