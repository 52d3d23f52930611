package event

import (
	"bytes"
	"encoding/json"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// The oracle is the slow, honest decoder: encoding/json for the grammar, and
// each rule written down once more in the plainest way. It keeps nothing but
// what it accepts, and the decoder must accept exactly the same.

// oracle returns the accepted events by position, and the number of events;
// ok is false when the body is refused as a whole.
func oracle(body string, format Format, limits Limits) (events map[int]Event, total int, ok bool) {
	events = map[int]Event{}
	elements, ok := oracleElements(body, format, limits)
	if !ok || len(elements) > limits.MaxEvents {
		return nil, 0, false
	}
	for i, raw := range elements {
		if e, ok := oracleEvent(raw, limits); ok {
			events[i] = e
		}
	}
	return events, len(elements), true
}

func oracleElements(body string, format Format, limits Limits) ([]string, bool) {
	trimmed := strings.Trim(body, " \t\r\n")
	if format == NDJSON {
		var lines []string
		for line := range strings.SplitSeq(body, "\n") {
			if line = strings.Trim(line, " \t\r"); line != "" {
				lines = append(lines, line)
			}
		}
		return lines, trimmed != ""
	}
	if !json.Valid([]byte(trimmed)) {
		return nil, false
	}
	switch trimmed[0] {
	case '[':
		return oracleArray(trimmed), true
	case '{':
	default:
		return nil, false
	}
	members := oracleMembers(trimmed)
	var wrapped []string
	for _, m := range members {
		if m.name == "events" {
			wrapped = append(wrapped, m.value)
		}
	}
	switch {
	case len(wrapped) == 0:
		return []string{trimmed}, true
	case len(wrapped) > 1, wrapped[0][0] != '[', len(members) > 1 && !limits.IgnoreUnknown:
		return nil, false
	}
	return oracleArray(wrapped[0]), true
}

func oracleArray(raw string) []string {
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(raw), &list); err != nil {
		panic(err)
	}
	out := make([]string, len(list))
	for i := range list {
		out[i] = string(list[i])
	}
	return out
}

type oracleMember struct{ name, value string }

// oracleMembers walks the tokens of one object; values are the bytes sent.
func oracleMembers(raw string) []oracleMember {
	dec := json.NewDecoder(strings.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		panic(err)
	}
	var members []oracleMember
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			panic(err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			panic(err)
		}
		members = append(members, oracleMember{name.(string), string(value)})
	}
	return members
}

func oracleEvent(raw string, limits Limits) (Event, bool) {
	if !json.Valid([]byte(raw)) || raw[0] != '{' {
		return Event{}, false
	}
	known := map[string]string{"event_id": "", "topic": "", "source": "", "timestamp": "", "payload": ""}
	for _, m := range oracleMembers(raw) {
		before, isKnown := known[m.name]
		switch {
		case !isKnown && !limits.IgnoreUnknown, isKnown && before != "":
			return Event{}, false
		case isKnown:
			known[m.name] = m.value
		}
	}
	e := Event{Payload: known["payload"]}
	var ok1, ok2, ok3, ok4 bool
	e.ID, ok1 = oracleText(known["event_id"])
	e.Topic, ok2 = oracleText(known["topic"])
	e.Source, ok3 = oracleText(known["source"])
	e.Timestamp, ok4 = oracleTimestamp(known["timestamp"])
	return e, ok1 && ok2 && ok3 && ok4 && oraclePayload(e.Payload, limits)
}

func oracleString(raw string) (string, bool) {
	var s *string
	if raw == "" || json.Unmarshal([]byte(raw), &s) != nil || s == nil || !oracleCharacters(raw) {
		return "", false
	}
	return *s, true
}

func oracleText(raw string) (string, bool) {
	s, ok := oracleString(raw)
	if !ok || len(s) < 1 || len(s) > 512 || strings.ContainsFunc(s, unicode.IsControl) {
		return "", false
	}
	return s, true
}

var (
	jsonString = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	jsonEscape = regexp.MustCompile(`\\(?:u([0-9a-fA-F]{4})|.)`)
	jsonNumber = regexp.MustCompile(`-?[0-9]+(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?`)
	rfc3339    = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)?$`)
)

// oracleCharacters wants UTF-8 and whole surrogate pairs.
func oracleCharacters(raw string) bool {
	if !utf8.ValidString(raw) {
		return false
	}
	high, highEnd := false, 0
	for _, m := range jsonEscape.FindAllStringSubmatchIndex(raw, -1) {
		unit := uint64(0)
		if m[2] >= 0 {
			unit, _ = strconv.ParseUint(raw[m[2]:m[3]], 16, 32)
		}
		low := 0xDC00 <= unit && unit < 0xE000
		pair := high && low && m[0] == highEnd
		if (high || low) && !pair {
			return false
		}
		high, highEnd = 0xD800 <= unit && unit < 0xDC00, m[1]
		if low {
			high = false
		}
	}
	return !high
}

func oracleTimestamp(raw string) (time.Time, bool) {
	s, ok := oracleString(raw)
	m := rfc3339.FindStringSubmatch(s)
	if !ok || m == nil || len(s) > 64 {
		return time.Time{}, false
	}
	zone, clock, leap := strings.ToUpper(m[4]), m[2], strings.HasSuffix(m[2], ":60")
	if zone == "" {
		zone = "Z"
	}
	if leap {
		clock = clock[:6] + "59"
	}
	fraction := "." + (strings.TrimPrefix(m[3], ".") + "000000")[:6]
	if len(zone) == 6 && (zone[1:3] > "23" || zone[4:6] > "59") {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, m[1]+"T"+clock+fraction+zone)
	if err != nil {
		return time.Time{}, false
	}
	t = t.UTC()
	if leap {
		if t.Hour() != 23 || t.Minute() != 59 {
			return time.Time{}, false
		}
		t = t.Add(time.Second)
	}
	return t, 1970 <= t.Year() && t.Year() <= 2200
}

func oraclePayload(raw string, limits Limits) bool {
	if raw == "" || len(raw) > limits.MaxPayloadBytes || !oracleCharacters(raw) {
		return false
	}
	for _, s := range jsonString.FindAllString(raw, -1) {
		for _, m := range jsonEscape.FindAllStringSubmatch(s, -1) {
			if m[1] == "0000" {
				return false
			}
		}
	}
	bare := jsonString.ReplaceAllString(raw, `""`)
	depth, deepest := 0, 0
	for _, c := range bare {
		switch c {
		case '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ']', '}':
			depth--
		}
	}
	for _, m := range jsonNumber.FindAllStringSubmatch(bare, -1) {
		if !oracleNumber(m[0], m[1], m[2]) {
			return false
		}
	}
	return deepest <= limits.MaxDepth
}

// oracleNumber: numeric keeps every written place (16,383 at most) and 131,072
// digits before the point, and reads exponents of less than half an int.
func oracleNumber(number, fraction, exponent string) bool {
	exp := new(big.Int)
	if exponent != "" {
		exp.SetString(exponent, 10)
	}
	if exp.CmpAbs(big.NewInt((1<<31-1)/2)) >= 0 {
		return false
	}
	places := int64(len(fraction)) - exp.Int64()
	mantissa, _, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(number, "-")), "e")
	digits := strings.TrimLeft(strings.Replace(mantissa, ".", "", 1), "0")
	return places <= 16383 && (digits == "" || int64(len(digits))-places <= 131072)
}

// compare holds the decoder against the oracle on one body.
func compare(t *testing.T, body string, format Format, limits Limits) {
	t.Helper()
	want, total, ok := oracle(body, format, limits)
	got, err := Decode(body, format, limits)
	if (err == nil) != ok {
		t.Fatalf("%q: decoder says %v, oracle accepts: %v", body, err, ok)
	}
	if err != nil {
		return
	}
	if got.Total != total || len(got.Events) != len(want) || len(got.Events)+len(got.Invalid) != total {
		t.Fatalf("%q: decoder %d events, %d invalid (%+v); oracle %d of %d", body, len(got.Events), len(got.Invalid), got.Invalid, len(want), total)
	}
	for i, e := range got.Events {
		w, there := want[got.Position(i)]
		if !there || e != w {
			t.Fatalf("%q: event %d: decoder %+v, oracle %+v", body, got.Position(i), e, w)
		}
	}
	for i, inv := range got.Invalid {
		if _, there := want[inv.Index]; there || len(inv.Errors) == 0 && i < MaxExplained {
			t.Fatalf("%q: event %d refused (%+v), oracle accepts it", body, inv.Index, inv.Errors)
		}
		for _, e := range inv.Errors {
			if !utf8.ValidString(e.Detail) || !utf8.ValidString(e.Field) || len(e.Detail) > 400 {
				t.Fatalf("%q: a sentence that cannot be shown: %q %q", body, e.Field, e.Detail)
			}
		}
	}
}

// TestOneByteOff: with any byte of a body changed, left out or doubled, the decoder still takes what the oracle takes.
func TestOneByteOff(t *testing.T) {
	t.Parallel()
	body := `{"event_id":"a \u0aA9","topic":"\ud83d\ude00","source":"é","timestamp":"2025-12-19T10:00:00.5+05:30","payload":{"":[9,-0.5e+07,true,false,null ,"\ud83d\ude00"]}}`
	compare(t, body, JSON, DefaultLimits())
	for i := range body {
		compare(t, body[:i]+body[i+1:], JSON, DefaultLimits())
		compare(t, body[:i]+body[i:i+1]+body[i:], JSON, DefaultLimits())
		for _, c := range []byte("\"\\/:;09@AFG`afgdeuTZ '-+.,{}[]\x00\t\n\x1f\x7f\x80\xc2\xff") {
			compare(t, body[:i]+string([]byte{c})+body[i+1:], JSON, DefaultLimits())
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range fuzzSeeds() {
		for mode := range byte(4) {
			f.Add([]byte(seed), mode)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, mode byte) {
		limits := Limits{MaxEvents: 20, MaxPayloadBytes: 1000, MaxDepth: 5, IgnoreUnknown: mode&1 != 0}
		format := JSON
		if mode&2 != 0 {
			format = NDJSON
		}
		if bytes.Count(body, []byte{'['})+bytes.Count(body, []byte{'{'}) > 9000 {
			t.Skip("the two give up at slightly different depths")
		}
		compare(t, string(body), format, limits)
	})
}

func fuzzSeeds() []string {
	payloads := []string{
		`1.0`, `-0`, `1e2`, `1e131071`, `1e131072`, `0e131072`, `0.001e131074`, `0.001e131075`, `1e-16383`, `1.5e-16383`, `0e-16384`, `1e1073741823`, `0e1073741822`, `0e-1073741823`,
		`"\u0000"`, `"\\u0000"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ud83d\ud83d\ude00"`, `"\ud83d\n\ude00"`, `"\ud83dx\ude00"`, `"\\ud83d"`, "\"\xff\"", "\"\xed\xa0\x80\"",
		nested(5), nested(6), `{"a":{"b":[1,{"c":[]}]}}`, `{"a":1,"a":2}`, "{ \"a\" :\n[ 1 , 2 ] }", `[1,]`, `{"a"}`, `{"a":1,}`, `tru`, `nul`, `01`, `1.`, `.5`, `+1`, `1e`, `"\x"`, `"\u12g4"`, "\"\x01\"",
		`"` + strings.Repeat("x", 998) + `"`, `"` + strings.Repeat("x", 999) + `"`,
	}
	var seeds []string
	for _, p := range payloads {
		seeds = append(seeds, good("payload", p), "["+good("payload", p)+","+good()+"]")
	}
	for _, id := range []string{`"\u0065vent"`, `"` + strings.Repeat("x", 512) + `"`, `"` + strings.Repeat("x", 513) + `"`, "\"\u0080\"", "\"\u00a0\"", `"\u007f"`, "\"\x7f\"", `1`, `null`, `""`} {
		seeds = append(seeds, good("event_id", id))
	}
	for _, ts := range []string{"2025-12-19T10:00:00.123456789+05:30", "2016-12-31T23:59:60Z", "2016-12-31T23:58:60Z", "2025-02-29T00:00:00Z", "1969-12-31T23:59:60Z", "2200-12-31T23:59:60Z", "2025-12-19 10:00:00", "0000-01-01T00:00:00-23:59", "9999-12-31T23:59:59+23:59", `\u0032025-12-19T10:00:00Z`} {
		seeds = append(seeds, good("timestamp", `"`+ts+`"`))
	}
	return append(seeds, "", " ", "[]", "{}", "[", "{", "]", "[[]]", `{"events":[]}`, `{"events":[`+good()+`]}`, `{"events":[],"x":1}`, `{"x":1,"events":[1]}`, `{"events":1}`,
		`{"\u0065vents":[{}]}`, good()+"\n"+good(), good()+"\r\n\r\n", "\xef\xbb\xbf"+good(), good()+"x", `{"events":[],"events":[]}`,
		good()[:len(good())-1]+`,"x":1}`, good()[:len(good())-1]+`,"t\u006fpic":"x"}`, good()[:len(good())-1]+",\"\xff\":\"\xff\"}")
}
