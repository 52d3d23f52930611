package event

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// good is a valid event with the given members replaced; a value of "-" leaves
// the member out.
func good(replace ...string) string {
	values := map[string]string{
		"event_id": `"e-1"`, "topic": `"t"`, "source": `"s"`,
		"timestamp": `"2025-12-19T10:00:00Z"`, "payload": `{"a":1}`,
	}
	for i := 0; i < len(replace); i += 2 {
		values[replace[i]] = replace[i+1]
	}
	var parts []string
	for _, name := range []string{"event_id", "topic", "source", "timestamp", "payload"} {
		if values[name] != "-" {
			parts = append(parts, fmt.Sprintf("%q:%s", name, values[name]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func nested(depth int) string {
	return strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

// TestTimestampDetails: a timestamp of the right form is told what else is wrong with it.
func TestTimestampDetails(t *testing.T) {
	t.Parallel()
	for timestamp, want := range map[string]string{
		"2025-02-30T10:00:00Z":                                 `timestamp "2025-02-30T10:00:00Z" names a day that does not exist`,
		"2025-04-31 10:00:00":                                  `timestamp "2025-04-31 10:00:00" names a day that does not exist`,
		"1966-01-01T00:00:00Z":                                 `timestamp "1966-01-01T00:00:00Z" lies outside the years 1970 to 2200`,
		"2025-12-19T10:00:00." + strings.Repeat("1", 45) + "Z": `timestamp "2025-12-19T10:00:00.11111111111111111111"… is longer than 64 bytes; send a fraction of at most 9 digits, of which 6 are kept`,
		"2025-02-32T10:00:00Z":                                 `timestamp "2025-02-32T10:00:00Z" is not RFC 3339; want for example "2025-12-19T10:00:00Z"`,
		"2025-02-03T10:00:00+0100":                             `timestamp "2025-02-03T10:00:00+0100" is not RFC 3339; behind the seconds want "Z" or an offset such as "+01:00"`,
		"2025-02-03 10:00:00.5 UTC":                            `timestamp "2025-02-03 10:00:00.5 UTC" is not RFC 3339; behind the seconds want "Z" or an offset such as "+01:00"`,
		"30.02.2025, 10:00 Uhr":                                `timestamp "30.02.2025, 10:00 Uhr" is not RFC 3339; want for example "2025-12-19T10:00:00Z"`,
	} {
		d, err := Decode(good("timestamp", strconv.Quote(timestamp)), JSON, DefaultLimits())
		if err != nil || len(d.Invalid) != 1 || d.Invalid[0].Errors[0].Detail != want {
			t.Errorf("got %+v %v\nwant %s", d.Invalid, err, want)
		}
	}
}

// TestWhereATextIsWrong: whatever is wrong with it, its bytes are counted from its first one.
func TestWhereATextIsWrong(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"source", "timestamp"} {
		for bad, want := range map[string]string{`\ud800`: "surrogate", "\xff": "UTF-8", `\u0001`: "control"} {
			if want == "control" && field == "timestamp" {
				continue // it is no timestamp, that is all
			}
			d, err := Decode(good(field, `"ab`+bad+`"`), JSON, DefaultLimits())
			if err != nil || len(d.Invalid) != 1 || len(d.Invalid[0].Errors) != 1 {
				t.Fatalf("%s %q: got %+v %v", field, bad, d.Invalid, err)
			}
			if detail := d.Invalid[0].Errors[0].Detail; !strings.Contains(detail, want) || !strings.Contains(detail, "at its byte 2") {
				t.Errorf("%s %q: %s", field, bad, detail)
			}
		}
	}
}

// TestWhatIsWrong is told by a sentence of its own, and of a value its first flaw alone.
func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	for event, want := range map[string]string{
		`0`:                                    "an event must be a JSON object, found a number",
		good("source", "-"):                    "source is missing; every event needs event_id, topic, source, timestamp and payload",
		good("topic", `"","topic":"t"`):        "topic is empty; 1 to 512 bytes are taken",
		good("topic", `"t","topic":""`):        "topic is there more than once",
		good("payload", `["\u0000",1e999999]`): `payload has \u0000 at its byte 2, which Postgres cannot hold; leave it out`,
		good("payload", `[1e999999,"\ud800"]`): "payload has a number at its byte 1 that jsonb cannot hold (131072 digits before the point, 16383 behind it); send it as a string",
		good("timestamp", `null`):              `timestamp must be a string such as "2025-12-19T10:00:00Z", found null`,
		good("topic", `null`):                  "topic must be a string, found null",
		good("topic", "\"ä\u0085\""):           "topic has the control character U+0085 at its byte 2; leave it out",
		good("payload", nested(66)):            "payload nests more than 64 deep at its byte 64; send deeper structures as a string",
		good("payload", `["`+"\xff"+`"]`):      "payload is not UTF-8 at its byte 2; send UTF-8",
	} {
		d, err := Decode("["+event+"]", JSON, DefaultLimits())
		if err != nil || len(d.Invalid) != 1 || d.Invalid[0].Errors[0].Detail != want {
			t.Errorf("%.60s: %+v %v\nwant %s", event, d.Invalid, err, want)
		}
	}
}

// TestInvalidEvents has a case for each way an event breaks a rule. Each names
// the rule; a rule without a case fails the test.
func TestInvalidEvents(t *testing.T) {
	t.Parallel()
	s512 := strings.Repeat("x", 512)
	cases := []struct {
		name  string
		event string
		field string
		code  Code
	}{
		{"a number is no event", `1`, "", CodeNotObject},
		{"a string is no event", `"e"`, "", CodeNotObject},
		{"null is no event", `null`, "", CodeNotObject},
		{"an array is no event", `[` + good() + `]`, "", CodeNotObject},
		{"a name outside the five", good()[:len(good())-1] + `,"user":"u"}`, "user", CodeUnknownField},
		{"a name of 65 bytes, which is not said back", good()[:len(good())-1] + `,"` + s512[:65] + `":1}`, `"` + s512[:40] + `"…`, CodeUnknownField},
		{"a name of 64 bytes, which is", good()[:len(good())-1] + `,"` + s512[:64] + `":1}`, s512[:64], CodeUnknownField},
		{"a name that begins with a control character", good()[:len(good())-1] + `,"\u0001a":1}`, `"\x01a"`, CodeUnknownField},
		{"a name with a control character", good()[:len(good())-1] + `,"a\u0001":1}`, `"a\x01"`, CodeUnknownField},
		{"names are told apart by case", good()[:len(good())-1] + `,"EVENT_ID":"u"}`, "EVENT_ID", CodeUnknownField},
		{"events inside an event of a list", good()[:len(good())-1] + `,"events":[]}`, "events", CodeUnknownField},
		{"event_id twice, the same", good()[:len(good())-1] + `,"event_id":"e-1"}`, "event_id", CodeRepeatedField},
		{"topic twice, one escaped", good()[:len(good())-1] + `,"t\u006fpic":"x"}`, "topic", CodeRepeatedField},
		{"payload twice", good()[:len(good())-1] + `,"payload":1}`, "payload", CodeRepeatedField},
		{"no event_id", good("event_id", "-"), "event_id", CodeMissing},
		{"no topic", good("topic", "-"), "topic", CodeMissing},
		{"no source", good("source", "-"), "source", CodeMissing},
		{"no timestamp", good("timestamp", "-"), "timestamp", CodeMissing},
		{"no payload", good("payload", "-"), "payload", CodeMissing},
		{"nothing at all", `{}`, "event_id", CodeMissing},
		{"event_id is a number", good("event_id", `7`), "event_id", CodeWrongType},
		{"topic is null", good("topic", `null`), "topic", CodeWrongType},
		{"source is an object", good("source", `{}`), "source", CodeWrongType},
		{"timestamp is a number of seconds", good("timestamp", `1766138400`), "timestamp", CodeWrongType},
		{"event_id is empty", good("event_id", `""`), "event_id", CodeEmpty},
		{"topic is empty", good("topic", `""`), "topic", CodeEmpty},
		{"source is empty", good("source", `""`), "source", CodeEmpty},
		{"event_id of 513 bytes", good("event_id", `"`+s512+`x"`), "event_id", CodeTooLong},
		{"topic of 257 characters of two bytes", good("topic", `"`+strings.Repeat("ä", 257)+`"`), "topic", CodeTooLong},
		{"source of 513 escaped bytes", good("source", `"`+s512+`\u0041"`), "source", CodeTooLong},
		{"C0: escaped newline in event_id", good("event_id", `"a\nb"`), "event_id", CodeControlCharacter},
		{"C0: \\u0000 in topic", good("topic", `"a\u0000b"`), "topic", CodeControlCharacter},
		{"DEL in source", good("source", "\"a\x7fb\""), "source", CodeControlCharacter},
		{"C1: raw U+0085 in event_id", good("event_id", "\"a\u0085b\""), "event_id", CodeControlCharacter},
		{"C1: escaped U+009F in topic", good("topic", `"a\u009fb"`), "topic", CodeControlCharacter},
		{"event_id is Latin-1", good("event_id", "\"caf\xe9\""), "event_id", CodeInvalidUTF8},
		{"payload has an overlong form", good("payload", "\"\xc0\xaf\""), "payload", CodeInvalidUTF8},
		{"payload has a surrogate in UTF-8", good("payload", "\"\xed\xa0\x80\""), "payload", CodeInvalidUTF8},
		{"a name inside payload is not UTF-8", good("payload", "{\"\xff\":1}"), "payload", CodeInvalidUTF8},
		{"source has half a pair", good("source", `"\ud83d"`), "source", CodeLoneSurrogate},
		{"payload has a low half alone", good("payload", `["\udc00"]`), "payload", CodeLoneSurrogate},
		{"payload has two high halves", good("payload", `"\ud83d\ud83d"`), "payload", CodeLoneSurrogate},
		{"payload has the first high half and the last", good("payload", `"\ud800\udbff"`), "payload", CodeLoneSurrogate},
		{"payload has two low halves", good("payload", `"\udc00\udc00"`), "payload", CodeLoneSurrogate},
		{"payload has a high half and what is no half", good("payload", `"\ud83d\ue000"`), "payload", CodeLoneSurrogate},
		{"payload has half a pair in a name", good("payload", `{"\ud83dx":1}`), "payload", CodeLoneSurrogate},
		{"timestamp is a date", good("timestamp", `"2025-12-19"`), "timestamp", CodeBadTimestamp},
		{"timestamp is a word", good("timestamp", `"yesterday"`), "timestamp", CodeBadTimestamp},
		{"timestamp of 30 February", good("timestamp", `"2025-02-30T10:00:00Z"`), "timestamp", CodeBadTimestamp},
		{"timestamp at 24:00", good("timestamp", `"2025-12-19T24:00:00Z"`), "timestamp", CodeBadTimestamp},
		{"timestamp with an offset of hours only", good("timestamp", `"2025-12-19T10:00:00+01"`), "timestamp", CodeBadTimestamp},
		{"timestamp with an empty fraction", good("timestamp", `"2025-12-19T10:00:00.Z"`), "timestamp", CodeBadTimestamp},
		{"timestamp with a leap second at noon", good("timestamp", `"2025-12-19T12:00:60Z"`), "timestamp", CodeBadTimestamp},
		{"timestamp with a sign in its year", good("timestamp", `"+025-12-19T10:00:00Z"`), "timestamp", CodeBadTimestamp},
		{"timestamp with \\u0000", good("timestamp", `"2025-12-19T10:00:00Z\u0000"`), "timestamp", CodeBadTimestamp},
		{"timestamp is empty", good("timestamp", `""`), "timestamp", CodeBadTimestamp},
		{"timestamp in 1969", good("timestamp", `"1969-12-31T23:59:59Z"`), "timestamp", CodeTimestampRange},
		{"timestamp in 1969 by its offset", good("timestamp", `"1970-01-01T00:00:00+00:01"`), "timestamp", CodeTimestampRange},
		{"timestamp in 2201", good("timestamp", `"2201-01-01T00:00:00Z"`), "timestamp", CodeTimestampRange},
		{"timestamp in year 0", good("timestamp", `"0000-01-01T00:00:00Z"`), "timestamp", CodeTimestampRange},
		{"payload of 256 KiB and a byte", good("payload", `"`+strings.Repeat("x", 256<<10-1)+`"`), "payload", CodePayloadTooLarge},
		{"payload nested 65 deep", good("payload", nested(65)), "payload", CodePayloadTooDeep},
		{"payload nested 65 deep, mixed", good("payload", strings.Repeat(`{"a":[`, 32)+`{}`+strings.Repeat(`]}`, 32)), "payload", CodePayloadTooDeep},
		{"payload nested 200 deep, mixed", good("payload", strings.Repeat(`{"a":[`, 100)+`1,2`+strings.Repeat(`],"b":[]}`, 100)), "payload", CodePayloadTooDeep},
		{"payload nested 66 deep, one of each beside the other", good("payload", strings.Repeat("[", 65)+`[],{"a":1},[1]`+strings.Repeat("]", 65)), "payload", CodePayloadTooDeep},
		{"\\u0000 in a payload", good("payload", `"\u0000"`), "payload", CodePayloadNUL},
		{"\\u0000 in a name of a payload", good("payload", `{"a\u0000":1}`), "payload", CodePayloadNUL},
		{"1e131072 does not fit numeric", good("payload", `1e131072`), "payload", CodeNumberOutOfRange},
		{"0.1e131073 does not fit numeric", good("payload", `[0.1e131073]`), "payload", CodeNumberOutOfRange},
		{"1e-16384 has too many places", good("payload", `{"a":1e-16384}`), "payload", CodeNumberOutOfRange},
		{"0e-16384 has too many places though it is 0", good("payload", `0e-16384`), "payload", CodeNumberOutOfRange},
		{"an exponent beyond an int", good("payload", `0e99999999999999999999`), "payload", CodeNumberOutOfRange},
		{"an exponent of 1 modulo 2^64", good("payload", `1e18446744073709551617`), "payload", CodeNumberOutOfRange},
		{"an exponent that numeric does not read", good("payload", `0e1073741823`), "payload", CodeNumberOutOfRange},
		{"131073 digits", good("payload", "1"+strings.Repeat("0", 131072)), "payload", CodeNumberOutOfRange},
	}
	if len(cases) < 40 {
		t.Fatalf("%d cases; at least 40 are promised", len(cases))
	}
	met := map[Code]bool{CodeSyntax: true} // TestBrokenLines has its cases
	for _, c := range cases {
		met[c.code] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			checkRefused(t, c.event, c.field, c.code)
		})
	}
	for _, code := range Codes() {
		if !met[code] {
			t.Errorf("rule %s has no case", code)
		}
		delete(met, code)
	}
	if len(met) > 0 {
		t.Errorf("Codes does not list %v", met)
	}
}

// checkRefused wants the event refused for that reason, its neighbours in the
// array untouched, and the sentence fit to be shown.
func checkRefused(t *testing.T, bad, field string, code Code) {
	t.Helper()
	d, err := Decode("["+good()+","+bad+","+good("event_id", `"e-2"`)+"]", JSON, DefaultLimits())
	if err != nil {
		t.Fatalf("the body was refused as a whole: %v", err)
	}
	if d.Total != 3 || len(d.Events) != 2 || len(d.Invalid) != 1 {
		t.Fatalf("total %d, events %d, invalid %d; want 3, 2, 1", d.Total, len(d.Events), len(d.Invalid))
	}
	if d.Events[0].ID != "e-1" || d.Events[1].ID != "e-2" || d.Position(0) != 0 || d.Position(1) != 2 {
		t.Errorf("the neighbours changed: %v at %v", d.Events, d.Positions)
	}
	got := d.Invalid[0]
	if got.Index != 1 || len(got.Errors) == 0 {
		t.Fatalf("got %+v", got)
	}
	first := got.Errors[0]
	if first.Field != field || first.Code != code {
		t.Errorf("refused as %s %s (%s), want %s %s", first.Field, first.Code, first.Detail, field, code)
	}
	if !strings.HasPrefix(first.Detail, field) && first.Code != CodeUnknownField || len(first.Detail) > 250 {
		t.Errorf("not a short sentence about %q: %q", field, first.Detail)
	}
}

func TestBrokenLines(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		`{`, `{"event_id":}`, good() + `x`, good() + " " + good(), `}`, `{"a" 1}`, `{"a":01}`, `{"a":1.}`, `{"a":+1}`,
		`{"a":"\x"}`, `{"a":"\u12"}`, `{"a":tru}`, `{"a":"\u12`, `{"a":"\u123`, `{"a":[1,]}`, `{"a":1,}`, "{\"a\":\"\x01\"}", `'a'`, "\xef\xbb\xbf" + good(),
	} {
		d, err := Decode(good()+"\n"+line+"\n"+good("event_id", `"e-2"`), NDJSON, DefaultLimits())
		if err != nil {
			t.Fatalf("%s: refused as a whole: %v", line, err)
		}
		if len(d.Events) != 2 || len(d.Invalid) != 1 || d.Invalid[0].Index != 1 || d.Invalid[0].Errors[0].Code != CodeSyntax {
			t.Errorf("%s: %+v", line, d.Invalid)
		}
	}
}

func TestBodiesRefusedWhole(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty":                            ``,
		"blank":                            " \r\n\t",
		"a NUL byte":                       "\x00",
		"a scalar":                         `7`,
		"a byte order mark":                "\xef\xbb\xbf[]",
		"an array that is cut":             `[` + good() + `,`,
		"an array with a trailing comma":   `[` + good() + `,]`,
		"an array of broken objects":       `[` + good() + `,{"event_id"}]`,
		"two objects":                      good() + good(),
		"rubbish behind the array":         `[]]`,
		"deeper than the scanner goes":     `[` + nested(10_001) + `]`,
		"invalid UTF-8 outside of strings": "[\xff]",
		"a number with leading zeros":      good("payload", `007`),
		"NaN":                              good("payload", `NaN`),
		"a comment":                        `[/* */]`,
		"single quotes":                    `{'a':1}`,
		"a wrapper of another shape, cut":  `{"topic":"t","events":[`,
	} {
		_, err := Decode(body, JSON, DefaultLimits())
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%s: got %v, want a *SyntaxError", name, err)
		} else if syntax.Detail == "" || syntax.Offset > len(body) {
			t.Errorf("%s: %+v", name, syntax)
		}
	}
}

// TestWhereABodyIsWrong, and what of it: its bytes are counted from the first one.
func TestWhereABodyIsWrong(t *testing.T) {
	t.Parallel()
	forms := `want an event object, an array of them, or {"events":[..]}`
	for body, want := range map[string]string{
		"  ":              `at byte 2: the body is empty; ` + forms,
		"\x00":            `at byte 0: ` + forms + `, found '\x00'`,
		" 7":              `at byte 1: ` + forms + `, found a number`,
		"[]\nx":           `at byte 3: want the end of the body, found 'x' (several objects in one body need Content-Type: application/x-ndjson)`,
		`[{"a":tru}]`:     `at byte 6: want a JSON value, found 't'`,
		"[{},":            `at byte 4: want a JSON value, found the end`,
		"[[1 2]]":         `at byte 4: want ',' or ']', found a number`,
		`[{"":{"":1 2}}]`: `at byte 11: want ',' or '}', found a number`,
		"[\xff]":          `at byte 1: want a JSON value, found the byte 0xff`,
		"[\ufeff]":        `at byte 1: want a JSON value, found '\ufeff'`,
		"\ufeff[]":        `at byte 0: ` + forms + `, found a byte order mark (send UTF-8 without one)`,
		"\xff\xfe[\x00]":  `at byte 0: ` + forms + `, found UTF-16 (send UTF-8)`,
		"\xfe\xff\x00[":   `at byte 0: ` + forms + `, found UTF-16 (send UTF-8)`,
		"[{},{} []]":      `at byte 7: want ',' or ']' after event 1, found an array`,
	} {
		var syntax *SyntaxError
		if _, err := Decode(body, JSON, DefaultLimits()); !errors.As(err, &syntax) || err.Error() != want {
			t.Errorf("%q: %v\nwant %s", body, err, want)
		}
	}
	d, err := Decode("{\n\"topic\"\n:1}", NDJSON, DefaultLimits())
	if err != nil || len(d.Invalid) != 3 || d.Invalid[0].Errors[0].Detail != "at byte 1: want a name in double quotes, found the end of the line" {
		t.Errorf("an event over several lines: %+v %v", d.Invalid, err)
	}
	if _, err := Decode("\n \n", NDJSON, DefaultLimits()); err == nil || err.Error() != "at byte 0: the body is empty; want one event object a line" {
		t.Errorf("no lines: %v", err)
	}
}

// TestBodiesOfAnotherShape: they parse, and are refused whole all the same.
func TestBodiesOfAnotherShape(t *testing.T) {
	t.Parallel()
	notArray := `"events" must be an array of event objects, found `
	beside := `"topic" does not go with "events"; leave it out, or have the server pass over it (--unknown-fields=ignore)`
	for body, want := range map[string]string{
		`{"events":{}}`:                notArray + "an object",
		`{"events":"x"}`:               notArray + "a string",
		`{"events":0}`:                 notArray + "a number",
		`{"events":9}`:                 notArray + "a number",
		`{"events":-1}`:                notArray + "a number",
		`{"events":true}`:              notArray + "a boolean",
		`{"events":false}`:             notArray + "a boolean",
		`{"events":null}`:              notArray + "null",
		`{"events":[],"events":[]}`:    `"events" is there twice`,
		`{"events":[],"topic":"t"}`:    beside,
		`{"topic":"t","events":[]}`:    beside,
		`{"":0,"events":[]}`:           strings.Replace(beside, "topic", "", 1),
		`{"events":[{}],"topic":null}`: beside,
	} {
		_, err := Decode(body, JSON, DefaultLimits())
		var shape *ShapeError
		if !errors.As(err, &shape) || err.Error() != want {
			t.Errorf("%s: got %v", body, err)
		}
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	want := Event{ID: "e-1", Topic: "t", Source: "s", Timestamp: time.Date(2025, 12, 19, 10, 0, 0, 0, time.UTC), Payload: `{"a":1}`}
	other := want
	other.ID = "e-2"
	a, b := good(), good("event_id", `"e-2"`)
	cases := []struct {
		name   string
		body   string
		format Format
		single bool
		events []Event
	}{
		{"one object", " " + a + "\n", JSON, true, []Event{want}},
		{"an array", "[" + a + " , " + b + "]", JSON, false, []Event{want, other}},
		{"an empty array", "[ ]", JSON, false, nil},
		{"events", `{"events": [` + a + "," + b + "]}", JSON, false, []Event{want, other}},
		{"lines", a + "\n" + b, NDJSON, false, []Event{want, other}},
		{"lines with CRLF, blank ones and a last newline", a + "\r\n\r\n  \n" + b + "\r\n", NDJSON, false, []Event{want, other}},
		{"blanks wherever they may be", "{ \"event_id\" : \"e-1\" ,\n\"topic\" : \"t\" ,\t\"source\" : \"s\" , \"timestamp\" : \"2025-12-19T10:00:00Z\" ,\r\n\"payload\" : {\"a\":1}\n}", JSON, true, []Event{want}},
		{"members in another order, names escaped", `{"payload":{"a":1},"\u0074imestamp":"2025-12-19T10:00:00Z","source":"s","topic":"t","event_id":"e\u002d1"}`, JSON, true, []Event{want}},
	}
	for _, c := range cases {
		d, err := Decode(c.body, c.format, DefaultLimits())
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.events, d.Events); diff != "" || d.Single != c.single || d.Total != len(c.events) || d.Positions != nil {
			t.Errorf("%s: single %v, total %d, %s", c.name, d.Single, d.Total, diff)
		}
	}
}

// TestTexts: a text is the same however it was escaped, or its event would have another key; and ValidText says of each
// what an event with it is told.
func TestTexts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", MaxTextBytes)
	for _, c := range []struct {
		sent, text string
		valid      bool
	}{
		{`a b`, "a b", true},
		{`\u0020`, " ", true},
		{`\"\\\/`, `"\/`, true},
		{`\u00e9 é`, "é é", true},
		{`\ud83d\ude00`, "😀", true},
		{`\uD83D\uDE00\uE000`, "😀\ue000", true},
		{`\ud7ff\ud800\udc00\udbff\udfff`, "\ud7ff\U00010000\U0010ffff", true},
		{"\u00a0", "\u00a0", true},
		{long, long, true},
		{"", "", false},
		{`\u001f`, "\x1f", false},
		{"\x7f", "\x7f", false},
		{`\u009f`, "\u009f", false},
		{"\xff", "\xff", false},
		{long + "x", long + "x", false},
		{strings.Repeat("é", MaxTextBytes/2) + "e", strings.Repeat("é", MaxTextBytes/2) + "e", false},
	} {
		text := `"` + c.sent + `"`
		d, err := Decode("["+good("event_id", text, "topic", text, "source", text)+"]", JSON, DefaultLimits())
		switch {
		case err != nil:
			t.Errorf("%.60q: %v", c.sent, err)
		case c.valid && (len(d.Events) != 1 || d.Events[0].ID != c.text || d.Events[0].Topic != c.text || d.Events[0].Source != c.text):
			t.Errorf("%.60q: %+v, want %q", c.sent, d, c.text)
		case !c.valid && (len(d.Invalid) != 1 || len(d.Invalid[0].Errors) != 3 || d.Invalid[0].EventID != ""):
			t.Errorf("%.60q is not refused three times: %+v", c.sent, d)
		}
		if ValidText(c.text) != c.valid {
			t.Errorf("%.60q: ValidText says %v", c.text, !c.valid)
		}
	}
}

// TestUnescape: half a surrogate pair, which is refused, takes nothing with it that stands behind it.
func TestUnescape(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`\b\f\n\r\t\"\\\/`: "\b\f\n\r\t\"\\/", `\ud83d\ude00`: "😀", `\u0041\udc00`: "A\ufffd",
		`\ud83d`: "\ufffd", `\ud83d\ud83d`: "\ufffd\ufffd", `\ud83dxxdc00`: "\ufffdxxdc00", `\ud83d\/dc00`: "\ufffd/dc00", `\ud83dxudc00`: "\ufffdxudc00",
	} {
		if got := unescape(raw); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
}

// TestPayloadVerbatim keeps what a decode and re-encode would change.
func TestPayloadVerbatim(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{
		`9`, `1.0`, `1e2`, `1E+2`, `1e09`, `-0`, `-0.0`, `0e5`, `12345678901234567890`, `0.1234567890123456789012345`,
		`"\/"`, `"\u00e9"`, `"é"`, `"<&>"`, `"\u003c"`, `"\ud83d\ude00"`, `"\ue000"`, "\"\ufffd\"", "\"\u2028\"", "\"\x7f\"",
		"{ \"a\" :\r\n\t[ 1 , 2 ] }", `{"a":1,"a":2}`, `{"b":1,"a":2}`, `{"":null}`, `null`, `true`, `false`, `[]`, `""`, `"a b"`, `"\"\\\/\b\f\n\r\t"`, `[{"a":1},[1],{"a":1}]`,
		nested(64), `1e131071`, `1e-16383`, `0e131072`, `0e1073741822`, "1" + strings.Repeat("0", 131071), `["` + strings.Repeat("x", 20_000) + `",0.5]`, `"` + strings.Repeat("x", 256<<10-2) + `"`,
	} {
		d, err := Decode(good("payload", payload), JSON, DefaultLimits())
		if err != nil || len(d.Events) != 1 {
			t.Errorf("%.40s: %v %+v", payload, err, d.Invalid)
			continue
		}
		if got := d.Events[0].Payload; got != payload {
			t.Errorf("sent %.60q, kept %.60q", payload, got)
		}
	}
}

func TestIgnoreUnknown(t *testing.T) {
	t.Parallel()
	limits := DefaultLimits()
	limits.IgnoreUnknown = true
	body := `{"meta":{},"events":[` + good()[:len(good())-1] + `,"x":"` + "\xff" + `","x":1}]}`
	d, err := Decode(body, JSON, limits)
	if err != nil || len(d.Events) != 1 || d.Single {
		t.Fatalf("%v %+v", err, d)
	}
	d, err = Decode(good()[:len(good())-1]+`,"topic":"again"}`, JSON, limits)
	if err != nil || len(d.Invalid) != 1 || d.Invalid[0].Errors[0].Code != CodeRepeatedField {
		t.Fatalf("repeated names are never ignored: %v %+v", err, d)
	}
}

func TestTooMany(t *testing.T) {
	t.Parallel()
	limits := DefaultLimits()
	limits.MaxEvents = 2
	for _, c := range []struct {
		body   string
		format Format
		tooBig bool
	}{
		{"[1,2]", JSON, false},
		{"[1,2,3]", JSON, true},
		{`{"events":[1,2,3]}`, JSON, true},
		{"1\n\n2\n", NDJSON, false},
		{"1\n2\n3", NDJSON, true},
	} {
		_, err := Decode(c.body, c.format, limits)
		var tooMany *TooManyError
		if errors.As(err, &tooMany) != c.tooBig || (err != nil) != c.tooBig || c.tooBig && (tooMany.Max != 2 || err.Error() != "more than 2 events in one request") {
			t.Errorf("%q: %v", c.body, err)
		}
	}
}

// TestRoomForEvents is made at once where events are alike, and where they are not it is bounded by the body, also when
// what came first is small and no event, and by MaxEvents.
func TestRoomForEvents(t *testing.T) {
	t.Parallel()
	const alike = 1000
	good, bulky := good(), good("payload", `"`+strings.Repeat("x", 250_000)+`"`)
	limits := DefaultLimits()
	limits.MaxEvents = 5000
	for name, c := range map[string]struct {
		events []string
		atMost int // events that there is room for
	}{
		"alike":               {slices.Repeat([]string{good}, alike), alike * 11 / 10},
		"no events, then one": {append(slices.Repeat([]string{"0"}, 90), good, bulky), 250_000 * 5 / 4 / smallestEvent},
		"small, then large":   {[]string{good, bulky, bulky, bulky}, limits.MaxEvents * 11 / 10},
		"one, large":          {[]string{bulky}, 1},
	} {
		list := "[" + strings.Join(c.events, ",") + "]"
		for form, body := range map[string]string{
			"array": list, "array behind spaces": strings.Repeat(" ", 100_000) + list, "lines": strings.Join(c.events, "\n"),
			"wrapper": `{"events":` + list + `}`,
		} {
			format := JSON
			if form == "lines" {
				format = NDJSON
			}
			d, err := Decode(body, format, limits)
			if err != nil {
				t.Fatal(err)
			}
			if room := cap(d.Events); room > c.atMost {
				t.Errorf("%s, %s: room for %d events in a body of %d bytes, want at most %d", name, form, room, len(body), c.atMost)
			}
		}
	}
}

// TestRoomOfTheCaller is used as far as it goes, and what is decoded is the same without it.
func TestRoomOfTheCaller(t *testing.T) {
	t.Parallel()
	for body, used := range map[string]bool{
		good():               true,
		"[" + good() + "]":   true,
		"[1," + good() + "]": true,
		"[" + good() + "," + good("event_id", `"e-2"`) + "]": false,
		`{"events":[` + good() + `]}`:                        true,
		"[]":                                                 false,
		"{}":                                                 false,
	} {
		without, err := Decode(body, JSON, DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		room := make([]Event, 0, 1)
		with, err := DecodeInto(room, body, JSON, DefaultLimits())
		if diff := cmp.Diff(without, with, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("%s: %v %s", body, err, diff)
		}
		if inIt := len(with.Events) > 0 && &with.Events[0] == &room[:1][0]; inIt != used {
			t.Errorf("%s: the room was used: %v, want %v", body, inIt, used)
		}
	}
}

// TestPositions: an answer names each event by where it stood in the body, whatever stood between.
func TestPositions(t *testing.T) {
	t.Parallel()
	for _, format := range []Format{JSON, NDJSON} {
		body := strings.Join([]string{good(), good(), "1", good(), "2", "3", good()}, "\n")
		if format == JSON {
			body = "[" + strings.ReplaceAll(body, "\n", ",") + "]"
		}
		d, err := Decode(body, format, DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		var valid, invalid []int
		for i := range d.Events {
			valid = append(valid, d.Position(i))
		}
		for _, inv := range d.Invalid {
			invalid = append(invalid, inv.Index)
		}
		if diff := cmp.Diff([][]int{{0, 1, 3, 6}, {2, 4, 5}}, [][]int{valid, invalid}); diff != "" {
			t.Errorf("format %v: %s", format, diff)
		}
	}
}

// TestEveryErrorOfAnEvent: one answer names all that is wrong, up to a bound.
func TestEveryErrorOfAnEvent(t *testing.T) {
	t.Parallel()
	d, err := Decode(`[{"event_id":"good","topic":"","timestamp":"x","extra":1}]`, JSON, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range d.Invalid[0].Errors {
		got = append(got, e.Field+" "+string(e.Code))
	}
	want := []string{"topic empty", "timestamp bad_timestamp", "extra unknown_field", "source missing", "payload missing"}
	if diff := cmp.Diff(want, got); diff != "" || d.Invalid[0].EventID != "good" {
		t.Errorf("event_id %q: %s", d.Invalid[0].EventID, diff)
	}
	if d, _ = Decode(good("event_id", `"first","event_id":""`), JSON, DefaultLimits()); len(d.Invalid[0].Errors) != 1 || d.Invalid[0].EventID != "first" {
		t.Errorf("event_id twice: %+v", d.Invalid)
	}
	many := "{" + strings.Repeat(`"x":1,`, 100) + `"x":1}`
	if d, _ = Decode(many, JSON, DefaultLimits()); len(d.Invalid[0].Errors) != maxErrorsPerEvent {
		t.Errorf("%d errors kept", len(d.Invalid[0].Errors))
	}
}

func TestTimestamps(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"2025-12-19T10:00:00Z":                           "2025-12-19T10:00:00Z",
		"2025-12-19t10:00:00z":                           "2025-12-19T10:00:00Z",
		"2025-12-19 10:00:00":                            "2025-12-19T10:00:00Z",
		"2025-12-19T10:00:00.123456":                     "2025-12-19T10:00:00.123456Z",
		"2025-12-19T10:00:00.9999999Z":                   "2025-12-19T10:00:00.999999Z",
		"2025-12-19T10:00:00.1+05:30":                    "2025-12-19T04:30:00.1Z",
		"2025-12-31T23:59:59.5-00:00":                    "2025-12-31T23:59:59.5Z",
		"2016-12-31T23:59:60Z":                           "2017-01-01T00:00:00Z",
		"2016-12-31T15:59:60-08:00":                      "2017-01-01T00:00:00Z",
		"2024-02-29T00:00:00Z":                           "2024-02-29T00:00:00Z",
		"1970-01-01T00:00:00Z":                           "1970-01-01T00:00:00Z",
		"2200-12-31T23:59:59.999999Z":                    "2200-12-31T23:59:59.999999Z",
		"1969-12-31T23:00:00-01:00":                      "1970-01-01T00:00:00Z",
		"2025-12-19T10:00:00.000000000000001":            "2025-12-19T10:00:00Z",
		"2025-12-19T10:00:00+23:59":                      "2025-12-18T10:01:00Z",
		"2025-12-19T10:00:00." + strings.Repeat("0", 44): "2025-12-19T10:00:00Z",
	} {
		got, err := ParseTimestamp(in)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s: got %s %v, want %s", in, got.Format(time.RFC3339Nano), err, want)
		}
	}
	for _, in := range []string{"2025-12-19T10:00:00." + strings.Repeat("0", 45), "2016-12-31T22:59:60Z", "2016-12-31T00:29:60Z", "2025-13-01T00:00:00Z", "2025-00-01T00:00:00Z", "2025-01-00T00:00:00Z", "2023-02-29T00:00:00Z", "2025-12-19T10:60:00Z", "2025-12-19T10:00:61Z", "2025-12-19T10:00:00 Z", "2025-12-19T10:00:00+24:00", "2025-12-19T10:00:00+01:60", "2025-12-19T10:00:00,5Z", "20251219T100000Z", "２025-12-19T10:00:00Z", "2025-12-19T10:00:00ZZ", "+025-12-19T10:00:00Z"} {
		if got, err := ParseTimestamp(in); err == nil {
			t.Errorf("%s was taken as %s", in, got)
		}
	}
}
