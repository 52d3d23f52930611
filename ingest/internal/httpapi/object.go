package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// maxObject bounds the bodies that are no events: a hundred topics fit.
const maxObject = 128 << 10

// readObject reads a small JSON object. It takes only the given names, spelt exactly so, each at most once:
// encoding/json ignores case, and takes the last of several.
func (s *Server) readObject(ctx *fasthttp.RequestCtx, into any, names ...string) error {
	if err := noParameter(ctx.URI()); err != nil {
		return err
	}
	if err := wantJSON(&ctx.Request.Header); err != nil {
		return err
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
	given := namesIn(body)
	for i, name := range given {
		switch {
		case !slices.Contains(names, name):
			return &refusal{problemBadParameter, fmt.Sprintf("%s is not a member of this body; %s", shown(name), known(names))}
		case slices.Contains(given[:i], name):
			return &refusal{problemBadParameter, name + " is given more than once"}
		}
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		return &refusal{problemBadParameter, wrongType(err)}
	}
	if halfPair(body) {
		return &refusal{problemBadParameter, "a string has half a surrogate pair; send both halves, or the character itself"}
	}
	return nil
}

// halfPair tells whether a valid JSON text has the escape of half a surrogate pair in a string. encoding/json would
// turn that into U+FFFD, and so make a topic that the client has not named.
func halfPair(text string) bool {
	for {
		_, escape, found := strings.Cut(text, `\`)
		if !found {
			return false
		}
		if text = escape[1:]; escape[0] != 'u' {
			continue
		}
		first := hexRune(text)
		if text = text[4:]; !utf16.IsSurrogate(first) {
			continue
		}
		second, paired := strings.CutPrefix(text, `\u`)
		if !paired || utf16.DecodeRune(first, hexRune(second)) == utf8.RuneError {
			return true
		}
		text = second[4:]
	}
}

// hexRune is the number of an escape's four hex digits.
func hexRune(text string) rune {
	n, _ := strconv.ParseUint(text[:4], 16, 16) // no error: encoding/json has checked the text
	return rune(n)
}

// wantJSON refuses a body that is not declared as JSON, or is declared as compressed.
func wantJSON(h *fasthttp.RequestHeader) error {
	sent := string(h.ContentType())
	format, err := mediaType(sent)
	coding, unknown := contentCoding(h.PeekAll("Content-Encoding"))
	switch {
	case repeated(h.RawHeaders(), "Content-Type"):
		return notTaken("Content-Type is sent more than once")
	case sent == "":
		return notTaken("Content-Type is missing; send application/json")
	case err != nil || format != event.JSON:
		return notTaken("Content-Type " + shown(sent) + " is not supported; send application/json")
	case unknown != nil || coding != identity:
		return notTaken("Content-Encoding " + shown(string(h.Peek("Content-Encoding"))) + " is not supported here; send the body uncompressed")
	}
	return nil
}

func known(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return "the only member is " + names[0]
	}
	return "the members are " + strings.Join(names[:last], ", ") + " and " + names[last]
}

// wrongType says which member has a type that cannot be used, and what was wanted: a string everywhere but in topics.
func wrongType(err error) string {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return "a member has the wrong type"
	}
	found := map[string]string{"string": "a string", "number": "a number", "bool": "a boolean", "array": "an array", "object": "an object"}[wrong.Value]
	if wrong.Field != "topics" {
		return wrong.Field + " must be a string, found " + found
	}
	if wrong.Type.Kind() == reflect.String { // of an element
		found += " in it"
	}
	return "topics must be an array of strings, found " + found
}

// readSmall reads a body of at most maxObject bytes.
func (s *Server) readSmall(ctx *fasthttp.RequestCtx, held *account) (body string, err error) {
	err = errBodyTooLarge
	if ctx.Request.Header.ContentLength() <= maxObject {
		body, _, err = s.readBody(ctx, identity, maxObject, held)
	}
	if errors.Is(err, errBodyTooLarge) {
		err = &refusal{problemBodyTooLarge, fmt.Sprintf("at most %d bytes are allowed here", maxObject)}
	}
	return body, err
}

// namesIn lists the names of a valid JSON object in their order, with repetitions.
func namesIn(object string) (names []string) {
	d := json.NewDecoder(strings.NewReader(object))
	_, _ = d.Token() // no error here nor below: encoding/json has checked the object
	for d.More() {
		var value json.RawMessage
		name, _ := d.Token()
		names = append(names, name.(string))
		_ = d.Decode(&value)
	}
	return names
}
