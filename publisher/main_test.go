package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"ingot/internal/version"
	"ingot/publisher/internal/audit"
	"ingot/publisher/internal/ingottest"
	"ingot/publisher/internal/tally"
)

func TestWrongCommandLines(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{},
		{"simulat"},
		{"simulate", "--evnts=3"},
		{"simulate", "extra"},
		{"simulate", "--events=0"},
		{"simulate", "--events=many"},
		{"simulate", "--duplicates=1"},
		{"simulate", "--duplicates=-0.1"},
		{"simulate", "--duplicates=NaN"},
		{"simulate", "--concurrency=0"},
		{"simulate", "--concurrency=10001"},
		{"simulate", "--batch=0"},
		{"simulate", "--batch=10001"},
		{"simulate", "--rate=-1"},
		{"simulate", "--seed=-1"},
		{"simulate", "--timeout=0s"},
		{"simulate", "--give-up-after=-1s"},
		{"simulate", "--url=localhost:8080"},
		{"simulate", "--url=ftp://localhost"},
		{"simulate", "--url=http://"},
		{"simulate", "--url=http://127.0.0.1:65536"},
		{"simulate", "--url=http://127.0.0.1:0"},
		{"follow", "--url=localhost:8080"},
		{"follow", "--url=http://localhost:8080?topic=a"},
		{"replay", "-", "--url=http://localhost:8080/#docs"},
		{"follow", "--url=http://me:key@localhost:8080"},
		{"follow", "--url=http://[::1"},
		{"follow", "--key=a b"},
		{"simulate", "--key=a\n"},
		{"replay", "-", "--key=é"},
		{"follow", "--count=-1"},
		{"follow", "--topic="},
		{"follow", "--topic=t", "--topic=a\nb"},
		{"follow", "--source=a\nb"},
		{"follow", "--source="},
		{"follow", "--after="},
		{"replay", "-", "--topic="},
		{"follow", "--create"},
		{"follow", "--subscription=A"},
		{"follow", "--subscription=a", "--topic=t"},
		{"follow", "--subscription=a", "--source=s"},
		{"follow", "--subscription=a", "--after=now"},
		{"follow", "--silence=0s"},
	} {
		exit, stdout, stderr := command(t.Context(), nil, args...)
		if exit != exitUsage || stdout != "" || !strings.HasPrefix(stderr, "publisher: ") {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", args, exit, stdout, stderr)
		}
	}
}

// TestPlansAreNamed by the flags that make them.
func TestPlansAreNamed(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--events=0", "--events=1000000000000", "--duplicates=1"} {
		if exit, _, stderr := command(t.Context(), nil, "simulate", flag); exit != exitUsage || !strings.Contains(stderr, ": --events and --duplicates: ") {
			t.Errorf("%s: exit %d, %q", flag, exit, stderr)
		}
	}
}

// TestWaitsAreNamed: each is told by its own flag; who gives up after 0s does not try again.
func TestWaitsAreNamed(t *testing.T) {
	t.Parallel()
	for _, subcommand := range [][]string{{"simulate"}, {"replay", "-"}, {"follow"}} {
		for flag, want := range map[string]string{
			"--timeout=0s":        ": --timeout must be more than 0s\n",
			"--give-up-after=-1s": ": --give-up-after must be 0s or more\n",
		} {
			exit, _, stderr := command(t.Context(), nil, append(subcommand, flag)...)
			if exit != exitUsage || !strings.HasSuffix(stderr, want) {
				t.Errorf("%s %s: exit %d, %q", subcommand, flag, exit, stderr)
			}
		}
	}
}

// TestURLWithoutItsScheme is told the form, whatever the parser makes of it.
func TestURLWithoutItsScheme(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"127.0.0.1:8080", "localhost:8080", "[::1]:8080", "127.0.0.1"} {
		exit, _, stderr := command(t.Context(), nil, "simulate", "--url="+at)
		if exit != exitUsage || !strings.HasSuffix(stderr, fmt.Sprintf("--url: %q is not of the form http://host:port\n", at)) {
			t.Errorf("%s: exit %d, %q", at, exit, stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"simulate", "--help"}, {"simulate", "-h", "--events=0"}} {
		if exit, stdout, stderr := command(t.Context(), nil, args...); exit != exitOK || !strings.HasPrefix(stdout, "Usage: publisher") || stderr != "" {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", args, exit, stdout, stderr)
		}
	}
	_, stdout, _ := command(t.Context(), nil, "simulate", "--help")
	for _, flag := range []string{
		"--url=", "INGOT_URL", "--events=20000", "--duplicates=0.30", "--concurrency=8", "--batch=1",
		"--rate=0", "--seed=1", "--timeout=15s", "--give-up-after=60s", "--json", "--[no-]audit",
	} {
		if !strings.Contains(stdout, flag) {
			t.Errorf("the help does not tell of %s", flag)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--version"}, {"follow", "--version"}} {
		if exit, stdout, stderr := command(t.Context(), nil, args...); exit != exitOK || stdout != "publisher "+version.String()+"\n" || stderr != "" {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", args, exit, stdout, stderr)
		}
	}
}

// TestURLFromTheEnvironment is not parallel: it sets a variable of the process.
func TestURLFromTheEnvironment(t *testing.T) {
	fake := &ingottest.Server{}
	srv := httptest.NewServer(fake)
	defer srv.Close()
	t.Setenv("INGOT_URL", srv.URL)
	if exit, stdout, stderr := command(t.Context(), nil, "simulate", "--events=10"); exit != exitOK || fake.Rows() != 10 {
		t.Errorf("exit %d, %d rows\n%s%s", exit, fake.Rows(), stdout, stderr)
	}
}

// TestEmptyVariables are refused as empty flags are: INGOT_CA=$CA without a CA would trust the authorities of the system, and INGOT_URL=$AT
// without an AT would send to this machine. Not parallel: it sets variables of the process.
func TestEmptyVariables(t *testing.T) {
	for _, name := range []string{"INGOT_URL", "INGOT_KEY", "INGOT_CA"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "")
			for _, args := range [][]string{{"simulate"}, {"replay", "-"}, {"follow"}} {
				exit, stdout, stderr := command(t.Context(), nil, args...)
				if exit != exitUsage || stdout != "" || !strings.Contains(stderr, ": it is empty: leave it out, or give a value (from envar "+name+"=") {
					t.Errorf("%v: exit %d\n%s%s", args, exit, stdout, stderr)
				}
			}
		})
	}
}

// TestJSONNames holds the interface that scripts read.
func TestJSONNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, stdout, _ := command(t.Context(), ingottest.Network(t, &ingottest.Server{}), "simulate", "--json", "--events=5")
		var top, verdict map[string]json.RawMessage
		if err := json.Unmarshal([]byte(stdout), &top); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(top["audit"], &verdict); err != nil {
			t.Fatal(err)
		}
		want := "acked_events attempts audit duplicates duplicates_after_open elapsed_seconds events_per_second exit_code failed " +
			"interrupted invalid latency_p50_ms latency_p99_ms notes problems requests retries seed sends_done sends_planned " +
			"stored unique_events unknown url"
		if got := strings.Join(slices.Sorted(maps.Keys(top)), " "); got != want {
			t.Errorf("names\n%s, want\n%s", got, want)
		}
		want = "different expected findings found method missing open_found open_lost repeated told_twice"
		if got := strings.Join(slices.Sorted(maps.Keys(verdict)), " "); got != want {
			t.Errorf("names of the audit\n%s, want\n%s", got, want)
		}
	})
}

// TestExitCodes: each thing that is wrong is enough by itself.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		o    outcome
		exit int
		says string
	}{
		{"all is well", outcome{Audit: &audit.Verdict{}}, exitOK, "ok: "},
		{"there was no audit", outcome{}, exitOK, "ok, not audited"},
		{"an invalid event", outcome{Report: tally.Report{Invalid: 1}}, exitBad, "failed: 1 sends were not"},
		{"an unknown event", outcome{Report: tally.Report{Unknown: 1}}, exitBad, "failed: 1 sends were not"},
		{"a failed event", outcome{Report: tally.Report{Failed: 1}}, exitBad, "failed: 1 sends were not"},
		{"a missing event", outcome{Audit: &audit.Verdict{Missing: 1}}, exitBad, "failed: the database"},
		{"a repeated event", outcome{Audit: &audit.Verdict{Repeated: 1}}, exitBad, "failed: the database"},
		{"an altered event", outcome{Audit: &audit.Verdict{Different: 1}}, exitBad, "failed: the database"},
		{"an event told twice", outcome{Audit: &audit.Verdict{ToldTwice: 1}}, exitBad, "failed: the database"},
		{"a problem", outcome{Report: tally.Report{Problems: map[string]string{"audit": "x"}}}, exitBad, "failed: see"},
		{"an interrupt", outcome{Interrupted: true, Report: tally.Report{Failed: 1}}, exitInterrupted, "interrupted"},
	} {
		c.o.ExitCode = c.o.code()
		if says := c.o.words(); c.o.ExitCode != c.exit || !strings.HasPrefix(says, c.says) {
			t.Errorf("%s: exit %d, %q", c.name, c.o.ExitCode, says)
		}
	}
}

// TestMeterWritesPlainLines: one every few seconds, where there is no terminal.
func TestMeterWritesPlainLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := &meter{out: &out}
		m.Begin("send", 100)
		for range 100 {
			time.Sleep(110 * time.Millisecond)
			m.Add(1)
		}
		m.End()
		if want := "send: 45 of 100\nsend: 90 of 100\n"; out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	})
}

// TestMeterDrawsABar on what it takes for a terminal, and takes it away.
func TestMeterDrawsABar(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	m := &meter{out: &out, terminal: true}
	m.End() // without a Begin
	m.Begin("audit", 10)
	m.Add(25) // more than was estimated
	m.End()
	if !strings.Contains(out.String(), "audit") || !strings.HasSuffix(out.String(), "\r") {
		t.Errorf("%q", out.String())
	}
}

// TestMeterOnANarrowTerminal draws what 40 columns have room for: more would go on in the next line, and stay there.
func TestMeterOnANarrowTerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := &meter{out: &out, terminal: true, narrow: true}
		for _, begin := range []func(){
			func() { m.Begin("audit", 1_000_000) },
			func() { m.BeginBytes("send", 345_000_000) },
			func() { m.BeginBytes("send", 0) },
		} {
			begin()
			for range 50 {
				m.Add(6700)
				time.Sleep(redrawBar)
			}
			m.End()
		}
		time.Sleep(time.Second) // a spinner sees that it is over at its next turn
		synctest.Wait()
		bar := regexp.MustCompile(`\|.*\|`) // as long as there is room
		for line := range strings.SplitSeq(out.String(), "\r") {
			if text := bar.ReplaceAllString(strings.TrimSpace(line), "||"); utf8.RuneCountInString(text) >= 40 {
				t.Errorf("longer than 40 columns: %q", text)
			}
		}
	})
}

// TestMeterEndsASpinner: where no total is known it turns by itself, and not beyond its step.
func TestMeterEndsASpinner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := &meter{out: &out, terminal: true}
		m.BeginBytes("send", 0)
		m.Add(5_400_000)
		time.Sleep(time.Second)
		m.End()
		time.Sleep(time.Second)
		synctest.Wait()
		if !strings.Contains(out.String(), "5.4 MB") {
			t.Errorf("no word of how much was sent: %q", out.String())
		}
		drawn := out.Len()
		time.Sleep(time.Second)
		synctest.Wait()
		if out.Len() != drawn || !strings.HasSuffix(out.String(), "\r") {
			t.Errorf("%q", out.String())
		}
	})
}

func TestTheTableIsOneLineEach(t *testing.T) {
	t.Parallel()
	var tb table
	tb.line("problem %s", "a\nb\x1b[2Jc\u009b\u202ed")
	if got := tb.String(); got != "problem a b [2Jc  d\n" {
		t.Errorf("%q", got)
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
	}
}

type refusing string

func (r refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New(string(r)) }

// TestNoMessageIsObeyed: the name in a certificate and the answer of a proxy come from elsewhere, too.
func TestNoMessageIsObeyed(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"simulate", "replay - "} {
		var errs bytes.Buffer
		args := append(strings.Fields(command), "--url=http://ingot", "--give-up-after=0s")
		exit := run(t.Context(), args, surroundings{stdin: strings.NewReader(""), stdout: io.Discard, stderr: &errs, transport: refusing("no\r\x1b[2J\u202e")})
		said := errs.String()
		if exit != exitBad || strings.ContainsAny(said, "\r\x1b\u202e") {
			t.Errorf("exit %d, %q", exit, said)
		}
	}
}
