package event

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// TestWhatIsWrong is told by a sentence of its own, and of a value its first flaw alone.
func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	for event, want := range map[string]string{
		`0`:                                    "an event must be a JSON object, found a number",
		good("source", "-"):                    "source is missing; every event needs event_id, topic, source, timestamp and payload",
		good("topic", `"","topic":"t"`):        "topic is empty; it must have 1 to 512 bytes",
		good("topic", `"t","topic":""`):        "topic is given more than once",
		good("payload", `["\u0000",1e999999]`): `payload has \u0000 (at byte 2 of the value), which Postgres cannot store; leave it out`,
		good("payload", `[1e999999,"\ud800"]`): "payload has a number (at byte 1 of the value) that jsonb cannot store: at most 131072 digits before the decimal point, 16383 after it; send it as a string",
		good("timestamp", `null`):              `timestamp must be a string such as "2025-12-19T10:00:00Z", found null`,
		good("topic", `null`):                  "topic must be a string, found null",
		good("topic", "\"ä\u0085\""):           "topic has the control character U+0085 (at byte 2 of the value); leave it out",
		good("payload", nested(66)):            "payload is nested more than 64 levels deep (at byte 64 of the value); send deeper structures as a string",
		good("payload", `["`+"\xff"+`"]`):      "payload is not UTF-8 (at byte 2 of the value); send UTF-8",
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
	met := map[Code]bool{CodeSyntax: true, CodeTopicNotAllowed: true} // TestBrokenLines and TestConfine have their cases
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
		t.Errorf("the neighbours changed: %v at %v", d.Events, []int{d.Position(0), d.Position(1)})
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
	many = "[" + strings.Repeat(`{},`, MaxExplained) + `{}]`
	if d, _ = Decode(many, JSON, DefaultLimits()); len(d.Invalid) != MaxExplained+1 || d.Invalid[MaxExplained-1].Errors == nil || d.Invalid[MaxExplained].Errors != nil {
		t.Errorf("of %d invalid events the last two have %v", len(d.Invalid), d.Invalid[MaxExplained-1:])
	}
}

// TestWordsAreForErrorsThatAreKept: a body of nothing but names that are wrong costs no more words than the first few of
// them. Not parallel: AllocsPerRun counts for the whole process.
func TestWordsAreForErrorsThatAreKept(t *testing.T) {
	for _, member := range []string{`"":0`, `"topic":0`} {
		body := "{" + strings.Repeat(member+",", 10_000) + member + "}"
		allocations := testing.AllocsPerRun(1, func() {
			if d, err := Decode(body, JSON, DefaultLimits()); err != nil || len(d.Invalid) != 1 {
				t.Fatalf("%s: %v, %+v", member, err, d.Invalid)
			}
		})
		if allocations > 200 {
			t.Errorf("%s: %.0f allocations for 10,000 members", member, allocations)
		}
	}
}
