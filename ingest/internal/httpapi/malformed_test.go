package httpapi

import (
	"strings"
	"testing"
)

// TestMalformedIsNamed: who has sent something that is no request is told what of it is none. The words are fasthttp's: another
// version may have others.
func TestMalformedIsNamed(t *testing.T) {
	t.Parallel()
	g := open(t)
	for sent, want := range map[string]string{
		"GET /healthz HTTP/1.1\r\n\r\n":                                                  "Host is missing",
		"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n":                                         "Host is missing or empty",
		"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":                            "Host is sent more than once",
		"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n":                                     "Host, or the host in the request's target",
		"GET http://[a/ HTTP/1.1\r\nHost: a\r\n\r\n":                                     "Host, or the host in the request's target",
		"GET / HTTP/1.1\r\nHost: a%zz\r\n\r\n":                                           "Host, or the host in the request's target",
		"GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n":                                    "Host, or the host in the request's target",
		"GET http://a:b:1/ HTTP/1.1\r\nHost: a\r\n\r\n":                                  "Host, or the host in the request's target",
		publishLine + "Content-Length: abc\r\n\r\n":                                      "Content-Length must",
		publishLine + "Content-Length: -5\r\n\r\n":                                       "Content-Length must",
		publishLine + "Content-Length: 99999999999999999999\r\n\r\n":                     "Content-Length must",
		publishLine + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n":                   "Content-Length must be sent once",
		publishLine + "Transfer-Encoding: gzip, chunked\r\n\r\n":                         onlyChunked,
		publishLine + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n": "sent once",
		"POST /publish HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n":                   "with HTTP/1.1",
		publishLine + "Trailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n":    "Trailer names",
		publishLine + "Content-Length : 2\r\n\r\n":                                       "send NAME: VALUE",
		"GET /healthz HTTP/1.1\r\n Host: a\r\n\r\n":                                      "send NAME: VALUE",
		healthLine + "X\r\n\r\n":                                                         "send NAME: VALUE",
		healthLine + "X\xc3: b\r\n\r\n":                                                  "send NAME: VALUE",
		healthLine + ": b\r\n\r\n":                                                       "send NAME: VALUE",
		healthLine + "content-length host\r\n\r\n":                                       "send NAME: VALUE", // what the client has sent is not taken for fasthttp's word
		healthLine + "X: a\x01b\r\n\r\n":                                                 "control character",
		"GET /events?topic=a b HTTP/1.1\r\nHost: a\r\n\r\n":                              "%20",
		"GET /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n":                                        "the target in the first line",
		"GET  /healthz HTTP/1.1\r\nHost: a\r\n\r\n":                                      "METHOD TARGET HTTP/1.1",
		"GET /healthz\r\nHost: a\r\n\r\n":                                                "METHOD TARGET HTTP/1.1",
		"G?T /healthz HTTP/1.1\r\nHost: a\r\n\r\n":                                       "a method",
	} {
		w := g.dial(t)
		w.send(sent)
		if a := w.answer("GET"); a.status != 400 || a.kind() != "bad-request" || !strings.Contains(a.body, want) {
			t.Errorf("%q: got %d %s, want %s", sent, a.status, a.body, want)
		}
		_ = w.Close()
	}
}
