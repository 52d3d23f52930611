package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// parse reads a command line as main does, with the environment of nobody.
func parse(t *testing.T, args ...string) (cli, error) {
	t.Helper()
	var c cli
	parser, err := kong.New(&c, kong.Name("ingest"), kong.Exit(func(int) {}), kong.NamedMapper("named", kong.MapperFunc(named)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return c, err
}

// TestMisspeltVariables are told, settings are not.
func TestMisspeltVariables(t *testing.T) {
	t.Parallel()
	var c cli
	parser, err := kong.New(&c, kong.Name("ingest"))
	if err != nil {
		t.Fatal(err)
	}
	line, err := parser.Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	got := unknownVariables([]string{"PATH=/bin", "INGOT_LISTEN=x", "INGOT_MAX_EVNTS=5", "INGOT_POSTGRES=.", "INGOT_REQUIRE_POSTGRES=1", "INGOT_LONG=1", "INGOT_CA=x", "INGOT_MAX_EVENTS=5"}, line.Flags())
	if fmt.Sprint(got) != "[INGOT_MAX_EVNTS]" {
		t.Errorf("%v", got)
	}
}

func TestDefaultsAreTheDesigns(t *testing.T) {
	t.Parallel()
	c, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Serve
	if err := s.check(); err != nil {
		t.Errorf("the defaults contradict each other: %v", err)
	}
	for name, ok := range map[string]bool{
		"listen on loopback":       s.Listen == "127.0.0.1:8080",
		"body 32 MiB":              s.MaxBody == 32<<20,
		"decompressed 64 MiB":      s.MaxDecompressed == 64<<20,
		"items 10,000":             s.MaxEvents == 10_000,
		"payload 256 KiB":          s.MaxPayload == 256<<10,
		"queue 65,536 and 64 MiB":  s.QueueEvents == 65_536 && s.QueueBytes == 64<<20,
		"bodies in flight 128 MiB": s.MaxBodiesInFlight == 128<<20,
		"deadline 10 s":            s.Deadline == 10*time.Second,
		"batch 5,000 and 8 MiB":    s.BatchEvents == 5000 && s.BatchBytes == 8<<20,
		"drain 20 s":               s.DrainTimeout == 20*time.Second,
		"page 8 MiB":               s.MaxPage == 8<<20,
		"body read 15 s":           s.BodyTimeout == 15*time.Second,
		"header 16 KiB":            s.MaxHeader == 16<<10,
		"answer taken 30 s":        s.AnswerTimeout == 30*time.Second,
		"unknown names refused":    s.UnknownFields == "refuse",
	} {
		if !ok {
			t.Errorf("%s: %+v", name, s.config)
		}
	}
}

// TestTheGateHasEveryLimit: a limit without a flag behind it would be 0.
func TestTheGateHasEveryLimit(t *testing.T) {
	t.Parallel()
	c, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	limits := reflect.ValueOf(c.Serve.limits())
	for i := range limits.NumField() {
		if limits.Field(i).IsZero() {
			t.Errorf("%s is not set", limits.Type().Field(i).Name)
		}
	}
}

// fields lists what a struct holds, one "path=value" each.
func fields(path string, v reflect.Value) (all []string) {
	if v.Kind() != reflect.Struct {
		return []string{fmt.Sprint(path, "=", v)}
	}
	for i := range v.NumField() {
		all = append(all, fields(path+"."+v.Type().Field(i).Name, v.Field(i))...)
	}
	return all
}

// TestWhatAFlagSets: each bound is where its flag says, and nowhere else: two that are mistaken for each other would both be
// set, to something.
func TestWhatAFlagSets(t *testing.T) {
	t.Parallel()
	of := func(args ...string) (all []string) {
		c, err := parse(t, args...)
		if err != nil {
			t.Fatal(err)
		}
		s := &c.Serve
		for name, settings := range map[string]any{"bloom": s.bloom(), "feed": s.feed(), "limits": s.limits(), "pipeline": s.pipeline(), "timeouts": s.timeouts()} {
			all = append(all, fields(name, reflect.ValueOf(settings))...)
		}
		slices.Sort(all)
		return all
	}
	defaults := of()
	for flag, want := range map[string]string{
		"--max-body=33MiB":              "limits.Body=34603008",
		"--max-decompressed=65MiB":      "limits.Decompressed=68157440",
		"--max-events=9999":             "limits.Events.MaxEvents=9999",
		"--max-payload=257KiB":          "limits.Events.MaxPayloadBytes=263168",
		"--unknown-fields=ignore":       "limits.Events.IgnoreUnknown=true",
		"--max-bodies-in-flight=129MiB": "limits.BodiesInFlight=135266304",
		"--max-header=17KiB":            "limits.Header=17408",
		"--max-connections=99":          "limits.Connections=99",
		"--body-timeout=16s":            "limits.ReadTimeout=16s",
		"--answer-timeout=31s":          "limits.WriteTimeout=31s",
		"--idle-timeout=3m":             "limits.IdleTimeout=3m0s",
		"--max-page=9MiB":               "limits.Page=9437184",
		"--max-page=1KiB":               "feed.CatchUpBytes=1024 feed.PageBytes=1024 limits.Page=1024",
		"--max-reads-in-flight=65MiB":   "limits.Reads=68157440",
		"--query-timeout=11s":           "feed.QueryTimeout=11s limits.QueryTimeout=11s",
		"--max-streams=99":              "feed.Streams=99 limits.Streams=99",
		"--max-exports=9":               "limits.Exports=9",
		"--max-subscriptions=999":       "limits.Subscriptions=999",
		"--stream-buffer=4097":          "feed.Buffer=4097",
		"--stream-bytes=5MiB":           "feed.BufferBytes=5242880",
		"--stream-heartbeat=16s":        "limits.Heartbeat=16s",
		"--stream-stall=11s":            "feed.Stall=11s limits.Stall=11s",
		"--feed-poll=201ms":             "feed.Poll=201ms",
		"--queue-events=65537":          "pipeline.QueueEvents=65537",
		"--queue-bytes=65MiB":           "pipeline.QueueBytes=68157440",
		"--batch-events=5001":           "pipeline.BatchEvents=5001",
		"--batch-bytes=9MiB":            "pipeline.BatchBytes=9437184",
		"--linger=0s":                   "pipeline.Linger=0s",
		"--deadline=11s":                "pipeline.Deadline=11s",
		"--attempt-timeout=11s":         "pipeline.AttemptTimeout=11s timeouts.Statement=11s",
		"--attempt-timeout=1s":          "pipeline.AttemptTimeout=1s timeouts.Lock=250ms timeouts.Statement=1s",
		"--lock-timeout=501ms":          "timeouts.Lock=501ms",
		"--outage-grace=3s":             "pipeline.OutageGrace=3s",
		"--splits-per-second=51":        "pipeline.SplitsPerSecond=51",
		"--retry-max=2s":                "pipeline.RetryMax=2s",
		"--retry-max=10ms":              "pipeline.RetryBase=10ms pipeline.RetryMax=10ms",
		"--drain-timeout=21s":           "pipeline.DrainTimeout=21s",
		"--bloom-capacity=4194305":      "bloom.Capacity=4194305",
		"--bloom-generations=5":         "bloom.Generations=5",
		"--bloom-false-positive=0.001":  "bloom.FalsePositive=0.001",
	} {
		changed := slices.DeleteFunc(of(flag), func(field string) bool { return slices.Contains(defaults, field) })
		if got := strings.Join(changed, " "); got != want {
			t.Errorf("%s sets %s, want %s", flag, got, want)
		}
	}
}

// TestCheckNamesTheFlag: each setting that cannot work is refused by its name.
func TestCheckNamesTheFlag(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--deadline=0s":                 "--deadline",
		"--queue-events=0":              "--queue-events",
		"--batch-events=70000":          "--batch-events",
		"--max-events=70000":            "--max-events",
		"--queue-events=9999":           "--queue-events",
		"--queue-bytes=31MiB":           "--queue-bytes",
		"--max-bodies-in-flight=127MiB": "--max-bodies-in-flight",
		"--max-events=65536 --max-body=1MiB --max-decompressed=1MiB --max-bodies-in-flight=3MiB": "--max-bodies-in-flight",
		"--max-decompressed=0":                 "--max-decompressed",
		"--max-decompressed=65MiB":             "--queue-bytes",
		"--bloom-false-positive=2":             "--bloom",
		"--bloom-capacity=10":                  "--bloom",
		"--read-connections=0":                 "--read-connections",
		"--query-timeout=0s":                   "--query-timeout",
		"--stream-bytes=0":                     "--stream-bytes",
		"--max-reads-in-flight=15MiB":          "--max-reads-in-flight",
		"--max-payload=65MiB --max-body=70MiB": "--max-payload",
		"--max-header=4095":                    "--max-header",
		"--max-header=2MiB":                    "--max-header",
		"--answer-timeout=0s":                  "--answer-timeout",
		"--batch-bytes=513MiB":                 "--batch-bytes",
		"--max-decompressed=513MiB --queue-bytes=2GiB --max-bodies-in-flight=4GiB": "--max-decompressed",
		"--drain-timeout=-1s --retry-max=-1s":                                      "--drain-timeout",
		"--retention=59m":                                                          "--retention",
		"--retention=-1h":                                                          "--retention",
		"--splits-per-second=0":                                                    "--splits-per-second",
		"--feed-poll=999us":                                                        "--feed-poll",
		"--answer-timeout=1ns":                                                     "--answer-timeout must be at least 1ms",
		"--stream-heartbeat=1ns":                                                   "--stream-heartbeat must be at least 1ms",
		"--stream-stall=10us":                                                      "--stream-stall must be at least 1ms",
		"--retry-max=1ns":                                                          "--retry-max",
		"--linger=-1ms":                                                            "--linger",
		"--attempt-timeout=596h0m1s":                                               "--attempt-timeout",
		"--query-timeout=597h":                                                     "--query-timeout",
		"--read-connections=262144":                                                "--read-connections",
		"--read-connections=4294967300":                                            "--read-connections",
		"--max-page=4611686018427387904":                                           "--max-reads-in-flight",
		"--batch-bytes=0 --idle-timeout=0s":                                        "--batch-bytes",
		"--tls-cert=x":                                                             "--tls-key (INGOT_TLS_KEY)",
		"--tls-key=x":                                                              "--tls-cert (INGOT_TLS_CERT)",
		"--lock-timeout=0s --attempt-timeout=0s":                                   "--attempt-timeout",
	} {
		c, err := parse(t, strings.Fields(args)...)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if err := c.Serve.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want a word about %s", args, err, want)
		}
	}
}

// TestTheLastThatIsTaken: a bound is one that may be set.
func TestTheLastThatIsTaken(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"--max-header=4KiB", "--max-header=1MiB", "--max-events=65536", "--batch-events=65536", "--queue-events=10000",
		"--max-payload=64MiB", "--batch-bytes=512MiB", "--max-reads-in-flight=16MiB", "--retention=1h",
		"--attempt-timeout=596h", "--query-timeout=596h", "--feed-poll=1ms", "--retry-max=1ms", "--answer-timeout=1ms", "--read-connections=262143",
	} {
		c, err := parse(t, args)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Serve.check(); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// TestLogLevel: less than was asked for is not logged.
func TestLogLevel(t *testing.T) {
	t.Parallel()
	for level, want := range map[string]zapcore.Level{"debug": zap.DebugLevel, "info": zap.InfoLevel, "warn": zap.WarnLevel, "error": zap.ErrorLevel} {
		log, end, err := newLog(level)
		if err != nil {
			t.Fatal(err)
		}
		defer end()
		if log.Level() != want {
			t.Errorf("%s: %s", level, log.Level())
		}
	}
}

// TestNoNumberIsZero: a number of serve is refused at 0 by its name, but for those that say something by it.
func TestNoNumberIsZero(t *testing.T) {
	t.Parallel()
	zeroes := map[string]string{"retention": "events stay for ever", "database-wait": "it does not wait", "linger": "a batch waits for nobody"}
	numbers := 0
	for _, flag := range serveFlags(t) {
		zero := "0"
		switch flag.Target.Interface().(type) {
		case time.Duration:
			zero = "0s"
		case byteSize, int, uint, float64:
		default:
			continue
		}
		numbers++
		c, err := parse(t, "--"+flag.Name+"="+zero)
		if err != nil {
			t.Errorf("%s: %v", flag.Name, err)
			continue
		}
		want := "--" + flag.Name + " must "
		if strings.HasPrefix(flag.Name, "bloom-") {
			want = "--bloom-*: "
		}
		err = c.Serve.check()
		switch {
		case zeroes[flag.Name] != "":
			if err != nil {
				t.Errorf("--%s=%s: %s, but got %v", flag.Name, zero, zeroes[flag.Name], err)
			}
		case err == nil || !strings.Contains(err.Error(), want):
			t.Errorf("--%s=%s: got %v, want %s", flag.Name, zero, err, want)
		}
	}
	if numbers < 30 {
		t.Errorf("only %d numbers", numbers)
	}
}

func TestByteSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]byteSize{"0": 0, "1000": 1000, "512KiB": 512 << 10, "32MiB": 32 << 20, "2 GiB": 2 << 30, "7B": 7} {
		var b byteSize
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%s: %d %v", text, b, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "32MB", "9999999999GiB", "ten"} {
		var b byteSize
		if err := b.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken as %d", text, b)
		}
	}
}

// TestComplaintsAreInOrder, the same in each try.
func TestComplaintsAreInOrder(t *testing.T) {
	t.Parallel()
	c, err := parse(t, "--stream-stall=0s", "--feed-poll=0s", "--deadline=0s", "--outage-grace=0s")
	if err != nil {
		t.Fatal(err)
	}
	const want = "--deadline must be at least 1ms\n--feed-poll must be at least 1ms\n--outage-grace must be at least 1ms\n--stream-stall must be at least 1ms"
	for range 20 { // by chance they may be in order once
		if err := c.Serve.check(); err == nil || err.Error() != want {
			t.Fatalf("got %v, want %s", err, want)
		}
	}
}
