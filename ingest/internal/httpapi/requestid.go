package httpapi

import (
	"strconv"

	"github.com/valyala/fasthttp"
)

// maxRequestID bounds an X-Request-Id taken over from the client.
const maxRequestID = 64

// appendRequestID appends the client's own X-Request-Id if it is short and plain, so
// that it can be written into headers and logs; otherwise a new one.
func (s *Server) appendRequestID(b []byte, ctx *fasthttp.RequestCtx) []byte {
	given := ctx.Request.Header.Peek("X-Request-Id")
	if len(given) == 0 || len(given) > maxRequestID {
		return s.appendNewRequestID(b)
	}
	for _, c := range given {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return s.appendNewRequestID(b)
		}
	}
	return append(b, given...)
}

func (s *Server) appendNewRequestID(b []byte) []byte {
	b = append(b, s.Instance...)
	b = append(b, '-')
	return strconv.AppendUint(b, s.requests.Add(1), 36)
}
