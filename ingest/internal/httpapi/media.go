package httpapi

import (
	"bytes"
	"mime"
	"strings"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// coding is how a body was compressed.
type coding int

const (
	identity coding = iota
	gzipped
	zstandard
)

// String is the coding's name in Content-Encoding.
func (c coding) String() string { return [...]string{"identity", "gzip", "zstd"}[c] }

// contentCoding reads the lines of Content-Encoding. One layer of compression is
// taken: what is compressed twice is a mistake or a bomb.
func contentCoding(lines [][]byte) (coding, error) {
	given := strings.ToLower(string(bytes.Join(lines, []byte(","))))
	names := strings.FieldsFunc(given, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	switch strings.Join(names, ",") {
	case "", "identity":
		return identity, nil
	case "gzip", "x-gzip":
		return gzipped, nil
	case "zstd":
		return zstandard, nil
	}
	return identity, &refusal{problemEncoding, "Content-Encoding " + shown(given) + " is not supported; send gzip or zstd, one layer, or the body uncompressed"}
}

// bodyFormat tells how a body is framed, or why it cannot be taken.
func bodyFormat(h *fasthttp.RequestHeader) (event.Format, error) {
	if repeated(h.RawHeaders(), "Content-Type") {
		return 0, notTaken("Content-Type is sent more than once")
	}
	if string(h.ContentType()) == "application/json" { // what nearly everybody sends need not be parsed
		return event.JSON, nil
	}
	return mediaType(string(h.ContentType()))
}

func mediaType(given string) (event.Format, error) {
	const wanted = "; send application/json, or application/x-ndjson for one event per line"
	if given == "" {
		return 0, notTaken("Content-Type is missing" + wanted)
	}
	media, params, err := mime.ParseMediaType(given)
	if err != nil || strings.ContainsFunc(given, notPlain) {
		return 0, notTaken("Content-Type " + shown(given) + " cannot be parsed" + wanted)
	}
	if charset, there := params["charset"]; there && !strings.EqualFold(charset, "utf-8") {
		return 0, notTaken("the charset " + shown(charset) + " is not supported; send UTF-8")
	}
	switch media {
	case "application/json":
		return event.JSON, nil
	case "application/x-ndjson", "application/ndjson":
		return event.NDJSON, nil
	}
	return 0, notTaken("Content-Type " + shown(media) + " is not supported" + wanted)
}

// notPlain tells what stands in no media type; package mime trims some of it, for example a no-break space.
func notPlain(r rune) bool { return (r < ' ' || r > '~') && r != '\t' }

func notTaken(detail string) error { return &refusal{problemMediaType, detail} }
