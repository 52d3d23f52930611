package httpapi

import "github.com/valyala/fasthttp"

// indexPage is plain HTML: no script, no style from elsewhere.
const indexPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ingot</title>
<style>
  :root { color-scheme: light dark }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem }
  pre { overflow-x: auto; padding: .75rem; border: 1px solid; border-radius: 4px }
  dt { font-family: ui-monospace, monospace }
</style>
<h1>Ingot</h1>
<p>Events in over HTTP, each one row in Postgres exactly once.</p>
<dl>
  <dt>POST /publish</dt><dd>one event, an array, {"events":[..]} or NDJSON; answered after the commit</dd>
  <dt><a href="/events">GET /events</a></dt><dd>what is stored: topic, source, event_id, since, until, order, limit, cursor</dd>
  <dt>GET /events/{topic}/{event_id}</dt><dd>one event</dd>
  <dt>GET /events/stream</dt><dd>events as they are committed: topic, source, after, Last-Event-ID</dd>
  <dt><a href="/subscriptions">GET /subscriptions</a></dt><dd>places in the feed that are kept under a name, and how far they are behind</dd>
  <dt><a href="/stats">GET /stats</a></dt><dd>totals and topics</dd>
  <dt><a href="/metrics">GET /metrics</a></dt><dd>figures of this process, for Prometheus</dd>
  <dt><a href="/docs">GET /docs</a></dt><dd>all of it, to read and to try; <a href="/openapi.json">/openapi.json</a> for machines</dd>
  <dt><a href="/healthz">GET /healthz</a>, <a href="/readyz">GET /readyz</a></dt><dd>is it running, can it store</dd>
</dl>
<pre>curl -s localhost:8080/publish -H 'Content-Type: application/json' -d '{
  "topic":"payment-processed", "event_id":"550e8400-e29b-41d4-a716-446655440000",
  "timestamp":"2025-12-19T10:00:00Z", "source":"payment-service",
  "payload":{"amount":50000,"status":"SUCCESS"}}'</pre>
</html>
`

func (s *Server) index(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.SetContentType("text/html; charset=utf-8")
	// connect-src: an EventSource typed into its console may connect.
	ctx.Response.Header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'")
	ctx.SetBodyString(indexPage)
}
