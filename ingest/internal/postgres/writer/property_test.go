package writer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestAcceptedIsStorable: whatever the decoder accepts, Postgres stores byte for
// byte and casts to jsonb. The bodies are made to lie near every bound.
func TestAcceptedIsStorable(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, conn := newWriter(t, url), pgtest.Client(t, url)
	accepted, refused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		body := "[" + strings.Join(rapid.SliceOfN(rapid.Custom(drawEvent), 1, 20).Draw(rt, "events"), ",") + "]"
		d, err := event.Decode(body, event.JSON, event.DefaultLimits())
		if err != nil {
			rt.Skip("not JSON")
		}
		accepted, refused = accepted+len(d.Events), refused+len(d.Invalid)
		stored, err := w.Merge(t.Context(), event.Batch{Groups: []event.Group{{Events: d.Events}}}, func() {})
		if err != nil {
			rt.Fatalf("Postgres refuses what the decoder accepts: %v", err)
		}
		for i, e := range d.Events {
			if stored[i] {
				checkStored(rt, t, conn, e)
			}
		}
	})
	t.Logf("%d events accepted, %d refused", accepted, refused)
	if accepted < 100 || refused < 100 {
		t.Errorf("%d accepted, %d refused: the generator has lost its aim", accepted, refused)
	}
}

func checkStored(rt *rapid.T, t *testing.T, conn *pgx.Conn, e event.Event) {
	var payload, source string
	var valid bool
	err := conn.QueryRow(t.Context(), `SELECT payload::text, source, payload::jsonb IS NOT NULL
		FROM ingot.events WHERE event_id = $1 AND topic = $2`, e.ID, e.Topic).Scan(&payload, &source, &valid)
	if err != nil || payload != e.Payload || source != e.Source {
		rt.Fatalf("%+v: read back %q from %q: %v", e, payload, source, err)
	}
}

// drawEvent draws an event object near the rules: mostly valid JSON, often not a
// valid event.
func drawEvent(t *rapid.T) string {
	return fmt.Sprintf(`{"event_id":%s,"topic":%s,"source":%s,"timestamp":%q,"payload":%s}`,
		drawText(t, "event_id"), drawText(t, "topic"), drawText(t, "source"),
		rapid.SampledFrom([]string{
			"2025-12-19T10:00:00Z", "1970-01-01T00:00:00Z", "2200-12-31T23:59:59.999999999Z", "2016-12-31T23:59:60Z",
			"2024-02-29 12:00:00.5", "1969-12-31T23:59:59Z", "2025-12-19T10:00:00+23:59",
		}).Draw(t, "timestamp"),
		drawValue(t, rapid.IntRange(0, 4).Draw(t, "depth")))
}

func drawText(t *rapid.T, name string) string {
	if rapid.IntRange(0, 9).Draw(t, name+" plain") < 7 {
		return `"` + rapid.StringMatching(`[a-z0-9 ÄéЖ漢😀'\x{2028}]{1,40}`).Draw(t, name) + `"`
	}
	return drawString(t)
}

// drawString draws a JSON string of pieces that have made trouble somewhere.
func drawString(t *rapid.T) string {
	piece := rapid.SampledFrom([]string{
		"a", "é", "\u2028", "\U0001F600", "\u007f", "\u0085", "\ufffe", "\uffff", `\u0000`, `\u0001`, `\n`, `\\`, `\/`, `\"`, `\u00e9`,
		`\ud83d\ude00`, `\ud83d`, `\ude00`, `\udbff\udfff`, `\uffff`, "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xef\xbf\xbe", strings.Repeat("x", 600),
	})
	return `"` + strings.Join(rapid.SliceOfN(piece, 0, 6).Draw(t, "string"), "") + `"`
}

func drawNumber(t *rapid.T) string {
	digits := rapid.SampledFrom([]string{"0", "1", "9", "10", "123456789", "1" + strings.Repeat("0", 1000), "9" + strings.Repeat("9", 131_071), "1" + strings.Repeat("0", 131_072)})
	fraction := rapid.SampledFrom([]string{"", "", ".0", ".5", ".000", ".0000000001", "." + strings.Repeat("0", 16_382) + "1", "." + strings.Repeat("0", 16_383) + "1"})
	exponent := rapid.SampledFrom([]string{"", "", "e0", "E+5", "e-5", "e131070", "e131071", "e131072", "e131073", "e-16382", "e-16383", "e-16384", "e1073741822", "e1073741823", "e-1073741823", "e99999999999"})
	sign := rapid.SampledFrom([]string{"", "-"})
	return sign.Draw(t, "sign") + digits.Draw(t, "digits") + fraction.Draw(t, "fraction") + exponent.Draw(t, "exponent")
}

func drawValue(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 {
		kind %= 3
	}
	switch kind {
	case 0:
		return rapid.SampledFrom([]string{"null", "true", "false", `""`, "[]", "{}", strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 65) + strings.Repeat("]", 65)}).Draw(t, "plain")
	case 1:
		return drawNumber(t)
	case 2:
		return drawString(t)
	case 3, 4:
		var parts []string
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			part := drawValue(t, depth-1)
			if kind == 4 {
				part = drawString(t) + " : " + part
			}
			parts = append(parts, part)
		}
		if kind == 4 {
			return "{ " + strings.Join(parts, " ,\n") + " }"
		}
		return "[ " + strings.Join(parts, " ,\t") + " ]"
	}
	return drawValue(t, depth-1)
}
