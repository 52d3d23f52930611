package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ingot/internal/event"
	"ingot/publisher/internal/lines"
)

var origin = Origin{Name: "app.log", Topic: "app", Source: "host", Timestamp: time.Unix(1_700_000_000, 123456789), Limit: 1000}

// records makes all events of a text, as the replayer does.
func records(t *testing.T, o Origin, text []byte) (all []Record) {
	t.Helper()
	r := lines.NewReader(bytes.NewReader(text), o.Limit)
	for {
		l, err := r.Next()
		if err != nil {
			return all
		}
		rec, used := o.Text(l)
		if used < len(l.Text) {
			if used == 0 {
				t.Fatalf("nothing of %q was used", l.Text)
			}
			r.Unread(len(l.Text) - used)
		}
		all = append(all, rec)
	}
}

// payload is any payload of this package.
type payload struct {
	Message *string
	Base64  *string `json:"message_base64"`
	Line    int64
	Part    int
	Last    bool
}

func (p payload) text(t *testing.T) []byte {
	t.Helper()
	if p.Message != nil {
		return []byte(*p.Message)
	}
	b, err := base64.StdEncoding.DecodeString(*p.Base64)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPayloads(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"plain", "hello", `{"message":"hello"}`},
		{"empty", "", `{"message":""}`},
		{"quotes and backslashes", `a"b\c`, `{"message":"a\"b\\c"}`},
		{"control characters", "\x01\t\r\x1b[0m\x7f", `{"message":"\u0001\t\r\u001b[0m` + "\x7f" + `"}`},
		{"text beyond ASCII", "é\u2028😀<&>", `{"message":"é` + "\u2028" + `😀<&>"}`},
		{"Latin-1", "caf\xe9", `{"message_base64":"Y2Fm6Q=="}`},
		{"NUL", "a\x00b", `{"message_base64":"YQBi"}`},
		{"a surrogate as UTF-8", "\xed\xa0\x80", `{"message_base64":"7aCA"}`},
	} {
		rec, used := origin.Text(lines.Line{Number: 1, Part: 1, Last: true, Text: []byte(c.in)})
		if rec.Event.Payload != c.want || used != len(c.in) || rec.Part != 0 {
			t.Errorf("%s: %s, want %s", c.name, rec.Event.Payload, c.want)
		}
	}
}

// TestIDs never change: with other ids every line replayed before would be new.
func TestIDs(t *testing.T) {
	t.Parallel()
	rec := records(t, origin, []byte("first\nsecond\nfirst\n"))
	if got := rec[0].Event.ID; got != "0dd5d7ef-c19a-52ec-871c-6e4811043ee7" {
		t.Errorf("the id of the first line is %s", got)
	}
	if id := uuid.MustParse(rec[0].Event.ID); id.Version() != 5 {
		t.Errorf("version %d", id.Version())
	}
	if rec[0].Event.ID == rec[2].Event.ID {
		t.Error("the same text on another line has the same id")
	}
	other := origin
	other.Topic, other.Timestamp, other.Limit = "x", time.Now(), 2000
	if records(t, other, []byte("first"))[0].Event.ID != rec[0].Event.ID {
		t.Error("an id depends on more than where the line stands, and its bytes")
	}
	for part, change := range map[string]func(*Origin){
		"name": func(o *Origin) { o.Name = "other.log" }, "source": func(o *Origin) { o.Source = "other" }, "run": func(o *Origin) { o.Run = "other" },
	} {
		other := origin
		change(&other)
		if records(t, other, []byte("first"))[0].Event.ID == rec[0].Event.ID {
			t.Errorf("an id does not depend on the %s", part)
		}
	}
}

// TestNothingIsLost: random lines of every kind come back byte for byte, each event
// is one the server takes, and no id is there twice.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	chance := rand.New(rand.NewPCG(3, 4))
	kinds := []string{"\x00", "\xff", "\xe9t\xe9", "abcdefgh", "\"", "\\", "\x01", "\r", "é", "😀", "a"}
	limits := event.DefaultLimits()
	for range 1000 {
		var in []byte
		some := kinds[chance.IntN(len(kinds)):]
		for range chance.IntN(40) { // runs of the same, up to lines of several pieces
			in = append(in, bytes.Repeat([]byte(some[chance.IntN(len(some))]), 1+chance.IntN(100))...)
			if chance.IntN(4) == 0 {
				in = append(in, '\n')
			}
		}
		o := origin
		o.Limit = MinLimit + chance.IntN(1500)
		limits.MaxPayloadBytes = o.Limit
		var out []byte
		seen := map[string]bool{}
		for _, rec := range records(t, o, in) {
			d, err := event.Decode(string(rec.JSON), event.JSON, limits)
			if err != nil || len(d.Events) != 1 || d.Events[0] != rec.Event || seen[rec.Event.ID] {
				t.Fatalf("%q: %v %+v", rec.JSON, err, d.Invalid)
			}
			seen[rec.Event.ID] = true
			if rec.Base64 && readable(in) {
				t.Fatalf("readable text became %s", rec.JSON)
			}
			var p payload
			if err := json.Unmarshal([]byte(rec.Event.Payload), &p); err != nil {
				t.Fatal(err)
			}
			if out = append(out, p.text(t)...); p.Part == 0 || p.Last {
				out = append(out, '\n')
			}
			if p.Part != rec.Part || p.Part > 0 && p.Line != rec.Line || rec.Base64 != (p.Message == nil) {
				t.Fatalf("%s of %+v", rec.Event.Payload, rec)
			}
		}
		if len(in) > 0 && in[len(in)-1] != '\n' {
			out = bytes.TrimSuffix(out, []byte{'\n'})
		}
		if !bytes.Equal(in, out) {
			t.Fatalf("limit %d:\n%q came back as\n%q", o.Limit, in, out)
		}
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	const good = `{"topic":"t","event_id":"e","timestamp":"2025-01-01T01:00:00+01:00","source":"s","trace":1,"payload":{"a": 1.0}}`
	rec, err := origin.Event(lines.Line{Number: 4, Part: 1, Last: true, Text: []byte(" " + good + "\r")})
	if err != nil || string(rec.JSON) != good || rec.Event.Payload != `{"a": 1.0}` || rec.Line != 4 || !rec.Exact {
		t.Errorf("%+v, %v", rec, err)
	}
	if rec, err := origin.Event(lines.Line{Number: 1, Part: 1, Last: true, Text: []byte("\ufeff" + good)}); err != nil || string(rec.JSON) != good {
		t.Errorf("behind a byte order mark: %s, %v", rec.JSON, err)
	}
	if SumOf(false, "", time.Time{}, "{\r\n \"a\":1}") != SumOf(false, "", time.Time{}, `{   "a":1}`) {
		t.Error("a payload and its export have two sums")
	}
	if rec.Sum != SumOf(true, "s", time.Unix(1735689600, 0), `{"a": 1.0}`) || rec.Sum == SumOf(true, "x", time.Unix(1735689600, 0), `{"a": 1.0}`) {
		t.Error("the digest is not that of the content")
	}
	for text, want := range map[string]string{
		`{"topic":"t"`: "at byte",
		`[]`:           "object",
		strings.Replace(good, `"s"`, "\"\xff\"", 1):   "source",
		strings.Replace(good, `"source":"s",`, "", 1): "source",
	} {
		if _, err := origin.Event(lines.Line{Part: 1, Last: true, Text: []byte(text)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", text, err, want)
		}
	}
	if _, err := origin.Event(lines.Line{Part: 1, Text: []byte(good)}); err == nil {
		t.Error("took the beginning of a line for an event")
	}
}

// TestAnEventOfTheFeed: the received_at that a server adds is not sent back to one;
// beside anything else a server does not take the line stays as it is, to be refused.
func TestAnEventOfTheFeed(t *testing.T) {
	t.Parallel()
	const event = `{"event_id":"e\u00e9","topic":"t","source":"s","timestamp":"2025-01-01T01:00:00.000001+01:00",%s"payload":{"received_at": 1.0}}`
	for members, want := range map[string]string{
		`"received_at":"2026-01-01T00:00:00Z",`:              `{"event_id":"eé","topic":"t","source":"s","timestamp":"2025-01-01T00:00:00.000001Z","payload":{"received_at": 1.0}}`,
		`"received_at":"2026-01-01T00:00:00Z","received":1,`: "",
		"": "",
	} {
		text := fmt.Sprintf(event, members)
		rec, err := origin.Event(lines.Line{Part: 1, Last: true, Text: []byte(text)})
		if want == "" {
			want = text
		}
		if err != nil || string(rec.JSON) != want || !rec.Exact {
			t.Errorf("%s becomes %s (%v)", text, rec.JSON, err)
		}
	}
}

func TestWhatIsAnEvent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"topic":"t","event_id":"e","timestamp":"2025-01-01T00:00:00Z","source":"s","payload":1}`: true,
		`{"topic":"t","event_id":"e"}`:            true,
		"\ufeff" + `{"topic":"t","event_id":"e"}`: true,
		`{"topic":"t","event_id":7}`:              true,
		`{"topic":"t","message":"hello"}`:         false,
		`{"level":"info","event_id":"e"}`:         false,
		`{"topic":"t","event_id":"e"`:             false,
		`["topic","event_id"]`:                    false,
		`topic event_id`:                          false,
		``:                                        false,
	} {
		if IsEvent(lines.Line{Last: true, Text: []byte(text)}) != want {
			t.Errorf("%s: want %t", text, want)
		}
	}
}

// TestSums: the audit sees whatever is another in an event, and of a line the text alone.
func TestSums(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 1, 2, 3, 4, 5, 6000, time.UTC)
	of := SumOf(true, "source", at, "1")
	for name, other := range map[string]Sum{
		"the source":                    SumOf(true, "Source", at, "1"),
		"a microsecond":                 SumOf(true, "source", at.Add(time.Microsecond), "1"),
		"the payload":                   SumOf(true, "source", at, "2"),
		"where the source ends":         SumOf(true, "sourc", at, "e1"),
		"that source and time are none": SumOf(false, "source", at, "1"),
	} {
		if other == of {
			t.Errorf("%s makes no difference", name)
		}
	}
	if SumOf(false, "source", at, "1\n") != SumOf(false, "other", time.Time{}, "1 ") {
		t.Error("a line is the same wherever and whenever it is replayed, with a line break for a blank")
	}
}
