package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"ingot/publisher/internal/ingottest"
)

// nasty holds all that a text file may: Latin-1, NUL, CR LF, a lone CR, blank
// lines of both kinds, a line of 300 KiB and no line feed at the end.
var nasty = "plain\ncaf\xe9\nnul\x00nul\n\nends in CR LF\r\n\r\nlone\rCR\n   \n" + strings.Repeat("0123456789abcdef", 300<<10/16) + "\nno line feed"

const aEvent = `{"topic":"t","event_id":"%s","timestamp":"2025-01-01T00:00:00Z","source":"s","payload":{"n": %d.0}}`

// TestARefusedLineFailsTheReplay, and hurts no other.
func TestARefusedLineFailsTheReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		text := fmt.Sprintf(aEvent, "good", 1) + "\nno event\n" + strings.Repeat("x", 400_000) + "\n" + fmt.Sprintf(aEvent, "too", 2)
		exit, o := replayed(t, t.Context(), ingottest.Network(t, &ingottest.Server{}), text, "-")
		if exit != exitBad || o.Lines.Refused != 2 || o.Stored != 2 || o.Lines.Lines != 4 || !strings.Contains(o.Named[1], "stdin:3: refused: it is longer than") {
			t.Errorf("exit %d, %+v", exit, o)
		}
	})
}

// TestWhatIsNotRemembered is not told as audited, nor as if there were none of it.
func TestWhatIsNotRemembered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ flag, unique, says string }{
		{"--audit-limit=3", "  unique events             3\n", "outcome    ok: every line is there, once, as it was sent\n"},
		{"--audit-limit=2", "  unique events             2   among those kept in memory; 1 sends are not\n", "outcome    ok: every line was acknowledged, and those audited"},
		{"--audit-limit=0", "  unique events             0   among those kept in memory; 3 sends are not\n", "outcome    ok, not audited\n"},
		{"--no-audit", "  unique events             0   among those kept in memory; 3 sends are not\n", "outcome    ok, not audited\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			exit, stdout, stderr := command(t.Context(), ingottest.Network(t, &ingottest.Server{}), "replay", "--url=http://ingot", written(t, "a.log", "one\ntwo\nthree\n"), c.flag)
			if exit != exitOK || !strings.Contains(stdout, c.unique) || !strings.Contains(stdout, c.says) {
				t.Errorf("%s: exit %d\n%s%s", c.flag, exit, stdout, stderr)
			}
		})
	}
}

func TestADishonestServerFailsTheReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{Keep: func(e ingottest.Event) []ingottest.Event {
			switch {
			case strings.Contains(e.Payload, "lost"):
				return nil
			case strings.Contains(e.Payload, "changed"):
				e.Payload = `{"message":"other"}`
			}
			return []ingottest.Event{e}
		}}
		exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), "", written(t, "a.log", "ok\nlost\nchanged\n"))
		if exit != exitBad || o.Audit.Missing != 1 || o.Audit.Different != 1 || !strings.Contains(o.Audit.Findings[0], "a.log:3: the table has different content") {
			t.Errorf("exit %d, %+v", exit, o.Audit)
		}
		if exit, o = replayed(t, t.Context(), ingottest.Network(t, srv), "", written(t, "a.log", "lost\n"), "--no-audit"); exit != exitOK || o.Audit != nil {
			t.Errorf("without audit: exit %d, %+v", exit, o.Audit)
		}
	})
}

func TestReplayJSONNames(t *testing.T) {
	t.Parallel()
	var top map[string]json.RawMessage
	b, err := json.Marshal(replayOutcome{})
	if err != nil || json.Unmarshal(b, &top) != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]string{
		"url files lines audit named interrupted exit_code stored duplicates sends_done": string(b),
		"lines blank refused whole split pieces base64 pending":                          string(top["lines"]),
	} {
		for _, word := range strings.Fields(name) {
			if !strings.Contains(in, `"`+word+`":`) {
				t.Errorf("no %s in %s", word, in)
			}
		}
	}
}
