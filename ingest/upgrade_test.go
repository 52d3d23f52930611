package main

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// Two goroutines of fasthttp outlive a server: its clock, for ever, and its pool's
// cleaner, for up to ten seconds.
func TestMain(m *testing.M) {
	if os.Getenv(asIngest) != "" {
		_ = os.Unsetenv(asIngest) // it is no setting
		main()
	}
	for _, variable := range os.Environ() { // of a shell where a server is set up: the README exports INGOT_KEYS_FILE
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "INGOT_") && name != "INGOT_POSTGRES" && name != "INGOT_REQUIRE_POSTGRES" {
			_ = os.Unsetenv(name)
		}
	}
	pgtest.Main(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// upgradeSQL is the statement of docs/moving.md that reads the old service's table.
func upgradeSQL(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/moving.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)-c "(SELECT replace\(.*?FROM public\.events)"`).FindSubmatch(text)
	if m == nil {
		t.Fatal("docs/moving.md has no SELECT .. FROM public.events")
	}
	return string(m[1])
}

// TestTheOldTableCanBeReplayed: what the statement of docs/moving.md reads is what the
// server takes, one event a line, for either type of each column.
func TestTheOldTableCanBeReplayed(t *testing.T) {
	t.Parallel()
	for name, columns := range map[string]string{
		"jsonb and timestamptz": "payload jsonb, timestamp timestamptz",
		"json and timestamp":    "payload json, timestamp timestamp",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			conn, err := pgx.Connect(ctx, pgtest.New(t))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(ctx)
			fill := `SET TIME ZONE 'Asia/Jakarta';
				CREATE TABLE public.events (id serial, topic varchar(255), event_id varchar(255), source varchar(255), ` + columns + `);
				INSERT INTO public.events (topic, event_id, source, payload, timestamp) VALUES
					('t', 'plain', 's', '{"n": 1.50, "nested": [null, true]}', '2025-12-19 10:00:00.123456'),
					('t', 'lines', 's', E'{"text":\n  "a\\nb\\t\\"ü😀\\""\r\n}', '2025-12-19 10:00:00'),
					('t "q"', 'quoted\back', 's', '"a string"', '1999-12-31 23:59:59')`
			if _, err := conn.Exec(ctx, fill); err != nil {
				t.Fatal(err)
			}
			rows, err := conn.Query(ctx, upgradeSQL(t))
			if err != nil {
				t.Fatal(err)
			}
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil || len(lines) != 3 {
				t.Fatalf("%d lines, %v", len(lines), err)
			}
			for _, line := range lines {
				d, err := event.Decode(line, event.NDJSON, event.DefaultLimits())
				if err != nil || d.Total != 1 || len(d.Events) != 1 {
					t.Errorf("%q is not one event: %v %+v", line, err, d.Invalid)
				}
			}
		})
	}
}
