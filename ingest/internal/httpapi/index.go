package httpapi

import (
	"bytes"
	_ "embed"

	"github.com/valyala/fasthttp"
)

// The page at /: what there is, and what it does now.
var (
	//go:embed live/index.html
	indexPage []byte

	//go:embed live/live.js
	liveScript []byte
)

// indexPolicy lets the page run its one script, which asks this server only; its empty icon is a data: image.
const indexPolicy = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// index answers with the page, which asks for a key only once its visitor wants to see figures.
func (s *Server) index() handler {
	page := indexPage
	if s.Keys != nil {
		page = bytes.Replace(page, []byte(`data-keys="no"`), []byte(`data-keys="yes"`), 1)
	}
	return func(ctx *fasthttp.RequestCtx) error {
		ctx.Response.Header.Set("Content-Security-Policy", indexPolicy)
		file(ctx, "text/html; charset=utf-8", page)
		return nil
	}
}
