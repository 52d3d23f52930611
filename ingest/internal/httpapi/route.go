package httpapi

import (
	"bytes"
	"net/url"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"
)

// handler answers a request, or fails with what problemOf turns into the answer.
type handler func(*fasthttp.RequestCtx) error

// handlers are what a path answers to: one for each method, GET for HEAD too.
type handlers map[string]handler

// route is a path that answers.
type route struct {
	right string // the right that a key must have, or anyone
	handlers
	answers answers
}

// methods are those that some path answers to, in the order in which Allow names them. Every path answers to OPTIONS.
var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}

func (h handlers) handler(method string) handler {
	if method == "HEAD" {
		method = "GET"
	}
	return h[method]
}

func (h handlers) allow() string {
	unknown := func(method string) bool { return method != "OPTIONS" && h.handler(method) == nil }
	return strings.Join(slices.DeleteFunc(slices.Clone(methods), unknown), ", ")
}

// route finds the route of a request, by its path or by a pattern that matches it; nil: there is none. A path is split
// before its escapes are undone, so that a %2F is part of a name.
func (s *Server) route(ctx *fasthttp.RequestCtx) *route {
	path := ctx.URI().PathOriginal()
	if r, found := s.routes[string(path)]; found && !bytes.Contains(path, []byte("{")) {
		return r // without a copy of the path
	}
	parts := strings.Split(string(path), "/")
	for pattern, r := range s.routes {
		if names := strings.Split(pattern, "/"); strings.Contains(pattern, "{") && matches(ctx, names, parts) {
			return r
		}
	}
	return nil
}

// matches compares part by part, and leaves the values of {names} with the request.
func matches(ctx *fasthttp.RequestCtx, names, parts []string) bool {
	if len(names) != len(parts) {
		return false
	}
	for i, name := range names {
		if !strings.HasPrefix(name, "{") && name != parts[i] || parts[i] == "" && i > 0 {
			return false
		}
	}
	for i, name := range names {
		if strings.HasPrefix(name, "{") {
			ctx.SetUserValue(name, parts[i])
		}
	}
	return true
}

// pathValue is the text of a {name} in the path. It fails when an escape in it is broken.
func pathValue(ctx *fasthttp.RequestCtx, name string) (string, error) {
	sent, _ := ctx.UserValue("{" + name + "}").(string)
	text, err := url.PathUnescape(sent)
	if err != nil {
		return "", &refusal{problemBadParameter, name + " in the path has an escape that is none"}
	}
	return text, nil
}
