package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"ingot/internal/event"
)

const (
	ndjson = "application/x-ndjson"

	// exportPage bounds what an export holds at a time.
	exportPage = 1 << 20
)

// wantsLines tells whether Accept names NDJSON, and gives it no less weight than a page.
func wantsLines(ctx *fasthttp.RequestCtx) bool {
	given := string(bytes.Join(ctx.Request.Header.PeekAll("Accept"), []byte(",")))
	lines, page, anything := 0.0, -1.0, 0.0
	for part := range strings.SplitSeq(given, ",") {
		name, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		switch weight := weightOf(parameters["q"]); name {
		case ndjson, "application/ndjson":
			lines = max(lines, weight)
		case "application/json":
			page = max(page, weight)
		case "application/*", "*/*":
			anything = max(anything, weight)
		}
	}
	if page < 0 { // Accept does not name it
		page = anything
	}
	return lines > 0 && lines >= page
}

// weightOf is a weight in Accept (q), from 0 for what is not wanted to 1 (RFC 9110, 12.4.2).
func weightOf(q string) float64 {
	weight, err := strconv.ParseFloat(q, 64)
	if err != nil {
		return 1
	}
	return weight
}

// export answers with all events from the cursor to where the feed ends now, in feed order, one per line, in the form
// that POST /publish takes. An answer that cannot be finished is broken off: only a complete one has its last chunk,
// or, in HTTP/1.0, ends without a reset.
func (s *Server) export(ctx *fasthttp.RequestCtx, q event.Query) error {
	if ctx.QueryArgs().Has("limit") || string(ctx.QueryArgs().Peek("order")) == "desc" {
		return &refusal{problemBadParameter, "application/x-ndjson sends the rest of the feed, in commit order; leave out limit and order=desc, or ask for application/json"}
	}
	if s.exports.Add(1) > int64(s.Limits.Exports) {
		s.exports.Add(-1)
		return &refusal{problemExports, fmt.Sprintf("%d exports are running, which is the maximum (--max-exports); try again later, or read pages with order=asc", s.Limits.Exports)}
	}
	done := func() { s.exports.Add(-1) }
	begun := false
	defer func() { // also after a panic
		if !begun {
			done()
		}
	}()
	q.Feed, q.Limit, q.MaxBytes = true, maxPageLimit, min(exportPage, s.Limits.Page)
	end, err := s.start("now")
	var page event.Page
	if err == nil {
		page, err = s.pageOf(q) // before the header goes out: what is wrong with the request needs a status
	}
	if err != nil {
		return readError(cursorError("cursor", wantedCursor, err))
	}
	streamedHeader(ctx, ndjson)
	ctx.Response.Header.Set("X-Next-Cursor", end.Cursor())
	if ctx.IsHead() {
		return nil
	}
	begun = true
	return s.stream(ctx, q.Topics, func(alive context.Context, w *streamed) bool { return s.sendLines(alive, w, q, page, end) }, done)
}

func (s *Server) sendLines(ctx context.Context, w *streamed, q event.Query, page event.Page, end event.Position) bool {
	for {
		for i := range page.Events {
			if page.Events[i].Position.Compare(end) > 0 {
				return true
			}
			if w.put(appendLine(w.out, &page.Events[i])) != nil {
				return false
			}
		}
		if page.End || page.At.Compare(end) >= 0 {
			return true
		}
		if w.flush() != nil || ctx.Err() != nil {
			return false
		}
		q.Cursor = page.Next
		var err error
		if page, err = s.pageOf(q); err != nil {
			s.failures.Warn("an export was cut short", zap.Error(err)) // not in the message, by which such lines are counted
			return false
		}
	}
}
