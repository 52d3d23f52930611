package main

import (
	"context"
	"errors"

	"ingot/publisher/internal/audit"
	"ingot/publisher/internal/client"
)

// audited reads a run back and returns the verdict. It returns nil when the audit was interrupted or failed; the
// error of one that failed is added to problems.
func audited(ctx context.Context, c *client.Client, s audit.Subject, m *meter, problems map[string]string) *audit.Verdict {
	v, err := audit.Run(ctx, c, s, m)
	switch {
	case err == nil:
		return &v
	case ctx.Err() == nil:
		problems["audit"] = err.Error()
		if no, refused := errors.AsType[*client.Refused](err); refused && no.OtherTopics() {
			problems["audit"] += ": the audit reads all topics, so use --no-audit, or a key for all of them"
		}
	}
	return nil
}
