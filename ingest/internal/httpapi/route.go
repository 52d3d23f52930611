package httpapi

import (
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
	pattern string // its path; a {name} in it stands for any text
	right   string // the right that a key must have, or anyone
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

// route finds the route of a request; nil: there is none. A path is split before its escapes are undone, so that a %2F is
// part of a name.
func (s *Server) route(ctx *fasthttp.RequestCtx) *route {
	path := ctx.URI().PathOriginal()
	if r, found := s.routes[string(path)]; found {
		return r // without a copy of the path
	}
	for pattern, r := range s.routes {
		if matches(pattern, string(path)) {
			return r
		}
	}
	return nil
}

// matches compares part by part. In the place of a {name} any text may stand.
func matches(pattern, path string) bool {
	return slices.EqualFunc(strings.Split(pattern, "/"), strings.Split(path, "/"), func(name, part string) bool {
		return name == part || strings.HasPrefix(name, "{") && part != ""
	})
}

// pathValue is the text of a part of the path; name is what the pattern calls it. It fails when an escape in it is broken.
func pathValue(ctx *fasthttp.RequestCtx, part int, name string) (string, error) {
	sent := strings.Split(string(ctx.URI().PathOriginal()), "/")[part]
	text, err := url.PathUnescape(sent)
	if err != nil {
		return "", &refusal{problemBadParameter, name + " in the path has an invalid percent escape"}
	}
	return text, nil
}
