package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// maxObject bounds the bodies that are no events: a hundred topics fit.
const maxObject = 128 << 10

// readObject reads a small JSON object with no other names than these, each at most
// once: encoding/json would take the last one, or one in other capitals.
func (s *Server) readObject(ctx *fasthttp.RequestCtx, into any, names ...string) error {
	if ctx.QueryArgs().Len() > 0 {
		return &refusal{problemBadParameter, "this takes no parameter"}
	}
	if format, err := bodyFormat(&ctx.Request.Header); err != nil || format == event.NDJSON {
		return &refusal{problemMediaType, "send application/json"}
	}
	held := account{budget: &s.budget}
	defer held.close()
	body, err := s.readSmall(ctx, &held)
	if err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &members); err != nil || members == nil || !utf8.ValidString(body) {
		return &refusal{problemNotJSON, "the body is not a JSON object"}
	}
	var seen []string
	for _, name := range namesIn(body) {
		switch {
		case !slices.Contains(names, name):
			return &refusal{problemBadParameter, fmt.Sprintf("%s is not a name here; known are %v", shown(name), names)}
		case slices.Contains(seen, name):
			return &refusal{problemBadParameter, name + " is there more than once"}
		}
		seen = append(seen, name)
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		return &refusal{problemBadParameter, "a member has a type that cannot be used"}
	}
	return nil
}

// readSmall reads a body of at most maxObject bytes.
func (s *Server) readSmall(ctx *fasthttp.RequestCtx, held *account) (body string, err error) {
	err = errBodyTooLarge
	if ctx.Request.Header.ContentLength() <= maxObject {
		body, err = s.readBody(ctx, identity, maxObject, held)
	}
	if errors.Is(err, errBodyTooLarge) {
		err = &refusal{problemBodyTooLarge, fmt.Sprintf("at most %d bytes are taken here", maxObject)}
	}
	return body, err
}

// namesIn lists the names of a JSON object as they stand there.
func namesIn(object string) (names []string) {
	d := json.NewDecoder(strings.NewReader(object))
	_, _ = d.Token() // no error here nor below: the object was read once already
	for d.More() {
		var value json.RawMessage
		name, _ := d.Token()
		names = append(names, name.(string))
		_ = d.Decode(&value)
	}
	return names
}
