package event

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

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
	forms := `expected an event object, an array of them, or {"events":[..]}`
	for body, want := range map[string]string{
		"  ":              `at byte 2: the body is empty; ` + forms,
		"\x00":            `at byte 0: ` + forms + `, found '\x00'`,
		" 7":              `at byte 1: ` + forms + `, found a number`,
		"[]\nx":           `at byte 3: expected the end of the body, found 'x' (several objects in one body need Content-Type: application/x-ndjson)`,
		`[{"a":tru}]`:     `at byte 6: expected a JSON value, found 't'`,
		"[{},":            `at byte 4: expected a JSON value, found the end`,
		"[[1 2]]":         `at byte 4: expected ',' or ']', found a number`,
		`[{"":{"":1 2}}]`: `at byte 11: expected ',' or '}', found a number`,
		"[\xff]":          `at byte 1: expected a JSON value, found the byte 0xff`,
		"[\ufeff]":        `at byte 1: expected a JSON value, found '\ufeff'`,
		"\ufeff[]":        `at byte 0: ` + forms + `, found a byte order mark (send UTF-8 without one)`,
		"\xff\xfe[\x00]":  `at byte 0: ` + forms + `, found UTF-16 (send UTF-8)`,
		"\xfe\xff\x00[":   `at byte 0: ` + forms + `, found UTF-16 (send UTF-8)`,
		"[{},{} []]":      `at byte 7: expected ',' or ']' after event 1, found an array`,
	} {
		var syntax *SyntaxError
		if _, err := Decode(body, JSON, DefaultLimits()); !errors.As(err, &syntax) || err.Error() != want {
			t.Errorf("%q: %v\nwant %s", body, err, want)
		}
	}
	d, err := Decode("{\n\"topic\"\n:1}", NDJSON, DefaultLimits())
	if err != nil || len(d.Invalid) != 3 || d.Invalid[0].Errors[0].Detail != "at byte 1: expected a name in double quotes, found the end of the line" {
		t.Errorf("an event over several lines: %+v %v", d.Invalid, err)
	}
	if _, err := Decode("\n \n", NDJSON, DefaultLimits()); err == nil || err.Error() != "at byte 0: the body is empty; expected one event object per line" {
		t.Errorf("no lines: %v", err)
	}
}

// TestBodiesOfAnotherShape: they parse, and are refused whole all the same.
func TestBodiesOfAnotherShape(t *testing.T) {
	t.Parallel()
	notArray := `"events" must be an array of event objects, found `
	beside := `"topic" is not allowed beside "events"; leave it out (the server can ignore it with --unknown-fields=ignore)`
	for body, want := range map[string]string{
		`{"events":{}}`:                notArray + "an object",
		`{"events":"x"}`:               notArray + "a string",
		`{"events":0}`:                 notArray + "a number",
		`{"events":9}`:                 notArray + "a number",
		`{"events":-1}`:                notArray + "a number",
		`{"events":true}`:              notArray + "a boolean",
		`{"events":false}`:             notArray + "a boolean",
		`{"events":null}`:              notArray + "null",
		`{"events":[],"events":[]}`:    `"events" is given twice`,
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
		if diff := cmp.Diff(c.events, d.Events); diff != "" || d.Single != c.single || d.Total != len(c.events) || len(d.Invalid) > 0 {
			t.Errorf("%s: single %v, total %d, %s", c.name, d.Single, d.Total, diff)
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
