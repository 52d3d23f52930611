package httpapi

import (
	"bytes"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"
)

// foreign returns the name that a request asks for if it is none of the server's. Besides Host the target may have one
// (POST http://name/publish), which takes precedence (RFC 9112, 3.2.2); an honest client sends the same name in both.
func (s *Server) foreign(ctx *fasthttp.RequestCtx) (host []byte, foreign bool) {
	if host = ctx.Request.Header.Host(); !s.knows(host) {
		return host, true
	}
	host = ctx.URI().Host()
	return host, !s.knows(host)
}

// knows tells whether a request may ask for this host. It guards a server that only this machine can reach against DNS
// rebinding: a web page whose own name was pointed at this server makes its visitor's browser send requests here. To
// the browser the page and the server are one site, so the page could read events, and publish some.
//
// Anybody can register a name with a dot. An address, localhost (RFC 6761, 6.3) or a name of one label belongs to
// nobody on the internet, and may always be asked for.
func (s *Server) knows(host []byte) bool {
	if s.Hosts == nil || len(host) == 0 || host[0] == '[' {
		return true
	}
	name, _, _ := bytes.Cut(host, []byte(":"))
	name = bytes.TrimSuffix(name, []byte("."))
	dot := bytes.LastIndexByte(name, '.')
	if dot < 0 || bytes.EqualFold(name[dot:], []byte(".localhost")) {
		return true
	}
	if len(bytes.Trim(name, "0123456789.")) == 0 { // an IPv4 address: no name ends in a number
		return true
	}
	return slices.ContainsFunc(s.Hosts, func(known string) bool { return strings.EqualFold(known, string(name)) })
}
