package httpapi

import (
	"bytes"
	_ "embed"
	"encoding/binary"

	"github.com/klauspost/compress/gzip"
	"github.com/valyala/fasthttp"
)

// The API's own description, and a page that shows it. Everything comes from the
// binary: the page works without a network, and tells nobody that it was opened.
var (
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

// docsPolicy lets the page load what this server has and nothing else; Swagger UI's
// icons are data: images.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (s *Server) openapi(ctx *fasthttp.RequestCtx) error {
	s.respond(ctx, fasthttp.StatusOK, openapiDocument)
	return nil
}

func (s *Server) docs(ctx *fasthttp.RequestCtx) error {
	ctx.Response.Header.Set("Content-Security-Policy", docsPolicy)
	file(ctx, "text/html; charset=utf-8", docsPage)
	return nil
}

func (s *Server) docsFile(contentType string, content []byte) handler {
	return func(ctx *fasthttp.RequestCtx) error {
		file(ctx, contentType, content)
		return nil
	}
}

// zipped serves a file that is embedded compressed. For a client that does not accept gzip the file is inflated while
// it is sent, and never whole in memory.
func (s *Server) zipped(contentType string, content []byte) handler {
	size := binary.LittleEndian.Uint32(content[len(content)-4:]) // gzip ends with the size
	return func(ctx *fasthttp.RequestCtx) error {
		ctx.Response.Header.Set("Vary", "Accept-Encoding")
		if ctx.Request.Header.HasAcceptEncoding("gzip") {
			ctx.Response.Header.Set("Content-Encoding", "gzip")
			file(ctx, contentType, content)
			return nil
		}
		r, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			return err
		}
		file(ctx, contentType, nil)
		ctx.Response.SetBodyStream(r, int(size))
		return nil
	}
}
