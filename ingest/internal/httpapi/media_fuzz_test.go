package httpapi

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"ingot/internal/event"
)

// FuzzMediaType holds the negotiation of a body's type and encoding against an
// oracle that reads the grammar of RFC 9110 by regular expressions, slowly. Two
// lines of Content-Encoding stand apart by a line feed.
func FuzzMediaType(f *testing.F) {
	for _, contentType := range []string{
		"application/json", "application/x-ndjson", "application/ndjson", "APPLICATION/JSON", "application/json;charset=utf-8",
		`application/json; charset="UTF-8"`, "application/json; charset=latin1", "application/json;", "application/json; charset", "application/json; charset=",
		"application/json; charset=utf-8; charset=utf-8", "application/json; charset*=utf-8''utf-8", "application/json; charset*0=utf; charset*1=-8", "text/plain", "",
		"application/json, text/plain", "application/jsonx", "application/problem+json", "application/json; a=b", `application/json; a="b\"c"`, "application /json", " application/json ", "application/json\u00a0",
	} {
		f.Add(contentType, "")
		f.Add(contentType, "gzip")
	}
	for _, encoding := range []string{
		"gzip", "x-gzip", "zstd", "identity", "GZIP", "br", "gzip,", ",gzip", " gzip\t", "gzip, gzip", "identity, gzip", "gzip\ngzip", "\ngzip", "identity\nbr",
		"gzip;q=1", "gzip zstd", "gzip\x00", "x-zstd", "deflate", ",,", "\n",
	} {
		f.Add("application/json", encoding)
	}
	f.Fuzz(func(t *testing.T, contentType, encodings string) {
		var lines [][]byte
		for line := range strings.SplitSeq(encodings, "\n") {
			lines = append(lines, []byte(line))
		}
		coding, err := contentCoding(lines)
		wantCoding, ok := oracleCoding(encodings)
		checkRefusal(t, err, problemEncoding, ok)
		if ok && coding != wantCoding {
			t.Errorf("Content-Encoding %q: got %v, want %v", encodings, coding, wantCoding)
		}
		format, err := mediaType(contentType)
		wantFormat, verdict := oracleMedia(contentType)
		if verdict == undecided {
			return
		}
		checkRefusal(t, err, problemMediaType, verdict == taken)
		if verdict == taken && format != wantFormat {
			t.Errorf("Content-Type %q: got %v, want %v", contentType, format, wantFormat)
		}
	})
}

// checkRefusal wants no error, or one that is fit for an answer.
func checkRefusal(t *testing.T, err error, kind problem, ok bool) {
	t.Helper()
	if ok {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	var r *refusal
	if !errors.As(err, &r) || r.problem != kind {
		t.Fatalf("got %v, want %s", err, kind.kind)
	}
	if len(r.detail) > 300 || strings.ContainsFunc(r.detail, func(c rune) bool { return c < ' ' || c > '~' }) {
		t.Errorf("not fit for an answer: %q", r.detail)
	}
}

var optional = regexp.MustCompile(`[ \t]*,[ \t]*`)

// oracleCoding reads a list of codings: empty elements do not count, and one coding
// may be left.
func oracleCoding(lines string) (coding, bool) {
	list := strings.Trim(strings.ReplaceAll(lines, "\n", ","), " \t")
	var names []string
	for _, name := range optional.Split(list, -1) {
		if name != "" {
			names = append(names, name)
		}
	}
	switch {
	case len(names) == 0:
		return identity, true
	case len(names) > 1:
		return identity, false
	}
	c, known := map[string]coding{"identity": identity, "gzip": gzipped, "x-gzip": gzipped, "zstd": zstandard}[asciiLower(names[0])]
	return c, known
}

type verdict int

const (
	undecided verdict = iota // beyond RFC 9110: the server may do as it likes
	taken
	refusedType
)

const tokenPattern = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"

var (
	mediaGrammar = regexp.MustCompile(`^(` + tokenPattern + `/` + tokenPattern + `)((?:[ \t]*;[ \t]*` + tokenPattern + `=(?:` + tokenPattern + `|"(?:[\t !#-\[\]-~]|\\[\t -~])*"))*)$`)
	parameter    = regexp.MustCompile(`;[ \t]*(` + tokenPattern + `)=(` + tokenPattern + `|"(?:[\t !#-\[\]-~]|\\[\t -~])*")`)
	otherMedia   = regexp.MustCompile(`(?i)^[ \t]*application/(json|x-ndjson|ndjson)[ \t]*(;|$)`)
)

// oracleMedia knows what must be taken and what must be refused.
func oracleMedia(given string) (event.Format, verdict) {
	formats := map[string]event.Format{"application/json": event.JSON, "application/x-ndjson": event.NDJSON, "application/ndjson": event.NDJSON}
	if !otherMedia.MatchString(given) {
		return 0, refusedType
	}
	parts := mediaGrammar.FindStringSubmatch(given)
	if parts == nil {
		return 0, undecided
	}
	seen := map[string]bool{}
	for _, p := range parameter.FindAllStringSubmatch(parts[2], -1) {
		name, value := asciiLower(p[1]), p[2]
		if seen[name] || strings.Contains(name, "*") || strings.Contains(value, `\`) {
			return 0, undecided // repeated, extended (RFC 2231) or escaped
		}
		seen[name] = true
		if name == "charset" && asciiLower(strings.Trim(value, `"`)) != "utf-8" {
			return 0, refusedType
		}
	}
	return formats[asciiLower(parts[1])], taken
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
