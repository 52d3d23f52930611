package httpapi

import "github.com/valyala/fasthttp"

// respond answers with JSON. The caller must not change the body any more.
func respond(ctx *fasthttp.RequestCtx, status int, body []byte) {
	ctx.SetStatusCode(status)
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.SetBodyRaw(body)
}

// respondRead answers with events. A page larger than Limits.Reads, which is a single event, counts as Limits.Reads, and so goes
// when no other page is on its way: otherwise it would be refused for ever, and no follower of the feed could get past it.
func (s *Server) respondRead(ctx *fasthttp.RequestCtx, body []byte) error {
	return s.respondCounted(ctx, body, min(int64(len(body)), s.Limits.Reads))
}

// respondCounted answers with what was read. Its bytes count (Limits.Reads) until the client has taken them.
func (s *Server) respondCounted(ctx *fasthttp.RequestCtx, body []byte, bytes int64) error {
	client, held := connOf(ctx), &account{budget: &s.reads}
	client.settle() // before a pipelined request nothing was read: the answer before still counts
	if !held.take(bytes) {
		return &refusal{problemReads, "there is no room for another answer, since clients are reading theirs too slowly (--max-reads-in-flight); try again, or ask for less"}
	}
	client.afterAnswer(held.close)
	respond(ctx, fasthttp.StatusOK, body)
	return nil
}

// respondList answers with a list whose length others decide, not the client that asks. A short list is never refused.
func (s *Server) respondList(ctx *fasthttp.RequestCtx, body []byte) error {
	if len(body) > answerKept {
		return s.respondCounted(ctx, body, int64(len(body)))
	}
	respond(ctx, fasthttp.StatusOK, body)
	return nil
}
