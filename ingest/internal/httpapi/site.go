package httpapi

import (
	"bytes"
	_ "embed"
	"encoding/binary"

	"github.com/klauspost/compress/gzip"
	"github.com/valyala/fasthttp"
)

// Everything comes from the binary: the pages work without a network, and tell nobody that they were opened.
var (
	//go:embed live/index.html
	indexPage []byte

	//go:embed live/live.js
	liveScript []byte

	//go:embed openapi.json
	openapiDocument []byte

	//go:embed swagger/docs.html
	docsPage []byte

	//go:embed swagger/docs.js
	docsScript []byte

	//go:embed swagger/swagger-ui.css.gz
	swaggerStyle []byte

	//go:embed swagger/swagger-ui-bundle.js.gz
	swaggerScript []byte
)

const (
	// indexPolicy lets the page at / run its one script, which asks this server only; its empty icon is a data: image.
	indexPolicy = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; " + sealed

	// docsPolicy lets Swagger UI load what this server has and nothing else; its icons are data: images.
	docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " + sealed

	sealed = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

	styleType  = "text/css; charset=utf-8"
	scriptType = "text/javascript; charset=utf-8"
)

// index is the page at /: what there is, and what it does now. It asks for a key only once its visitor wants to see
// figures.
func index(keys bool) handler {
	content := indexPage
	if keys {
		content = bytes.Replace(content, []byte(`data-keys="no"`), []byte(`data-keys="yes"`), 1)
	}
	return page(content, indexPolicy)
}

func page(content []byte, policy string) handler {
	answer := file(content, "text/html; charset=utf-8")
	return func(ctx *fasthttp.RequestCtx) error {
		ctx.Response.Header.Set("Content-Security-Policy", policy)
		return answer(ctx)
	}
}

// file answers with a file that stays the same until the next start.
func file(content []byte, contentType string) handler {
	return func(ctx *fasthttp.RequestCtx) error {
		ctx.Response.Header.SetContentType(contentType)
		ctx.Response.Header.Set("X-Content-Type-Options", "nosniff")
		ctx.Response.Header.Set("Cache-Control", "no-cache")
		ctx.Response.SetBodyRaw(content)
		return nil
	}
}

// zipped is a file that is embedded compressed. For a client that does not accept gzip it is inflated while it is sent,
// and never whole in memory.
func zipped(content []byte, contentType string) handler {
	answer := file(content, contentType)
	size := binary.LittleEndian.Uint32(content[len(content)-4:]) // gzip ends with the size
	return func(ctx *fasthttp.RequestCtx) error {
		ctx.Response.Header.Set("Vary", "Accept-Encoding")
		if ctx.Request.Header.HasAcceptEncoding("gzip") {
			ctx.Response.Header.Set("Content-Encoding", "gzip")
			return answer(ctx)
		}
		r, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			return err
		}
		_ = answer(ctx)
		ctx.Response.SetBodyStream(r, int(size))
		return nil
	}
}

func openapi(ctx *fasthttp.RequestCtx) error {
	respond(ctx, fasthttp.StatusOK, openapiDocument)
	return nil
}
