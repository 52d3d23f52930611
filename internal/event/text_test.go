package event

import (
	"strings"
	"testing"
)

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
			if detail := d.Invalid[0].Errors[0].Detail; !strings.Contains(detail, want) || !strings.Contains(detail, "at byte 2 of the value") {
				t.Errorf("%s %q: %s", field, bad, detail)
			}
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
