package main

import (
	"context"

	"ingot/publisher/internal/audit"
	"ingot/publisher/internal/client"
)

// audited reads a run back; nil when that was broken off, or failed, which is one of the problems then.
func audited(ctx context.Context, c *client.Client, s audit.Subject, m *meter, problems map[string]string) *audit.Verdict {
	v, err := audit.Run(ctx, c, s, m)
	switch {
	case err == nil:
		return &v
	case ctx.Err() == nil:
		problems["audit"] = err.Error()
	}
	return nil
}
