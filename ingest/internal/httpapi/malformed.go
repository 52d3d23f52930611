package httpapi

import "strings"

const (
	onlyChunked = "the only supported Transfer-Encoding is chunked, sent once and with HTTP/1.1"
	noHost      = "Host, or the host in the request's target, is neither a name nor an address; send for example Host: localhost"
	noField     = "a line of the header is not a field; send NAME: VALUE, with only ASCII letters, digits and dashes in the name"
)

// malformations are what fasthttp says of a request that it cannot read, and what its sender is told. fasthttp has no values for
// these errors, only words.
var malformations = []struct{ words, detail string }{
	{"missing required host header", "Host is missing or empty; HTTP/1.1 requires it exactly once, for example Host: localhost"},
	{"too many host headers", "Host is sent more than once; send it once"},
	{"in host", noHost},
	{"after host", noHost},
	{"invalid host", noHost},
	{"invalid url escape", noHost},
	{"content-length", "Content-Length must be sent once, and be the body's number of bytes, in digits"},
	{"transfer-encoding", onlyChunked},
	{"forbidden trailer", "Trailer names a field that is not allowed after the body; leave it out"},
	{"mime header", noField},
	{"invalid header key", noField},
	{"start with space or tab", noField},
	{"invalid header value", "the value of a header field has a control character; leave it out"},
	{"request uri", "the target in the first line cannot be parsed; it must begin with / and have no spaces or control characters (send a space as %20)"},
	{"http version", "the first line must be METHOD TARGET HTTP/1.1, separated by single spaces; send a space in the target as %20"},
	{"first line of request", "the first line must be METHOD TARGET HTTP/1.1"},
	{"request method", "the first line must begin with a method, such as GET or POST"},
}

// malformed says what is wrong with a request that fasthttp could not read, and what to send instead.
func malformed(err error) string {
	words := ownWords(err.Error())
	for _, m := range malformations {
		if strings.Contains(words, m.words) {
			return m.detail
		}
	}
	return "this is not a well-formed HTTP/1.1 request"
}

// ownWords leaves out of an error of fasthttp what the client has sent, which stands in quotes there.
func ownWords(text string) string {
	before, quoted, _ := strings.Cut(text, `"`)
	return before + quoted[strings.LastIndex(quoted, `"`)+1:]
}
