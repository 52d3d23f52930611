package truth

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ingot"
	"ingot/bench/internal/mix"
	"ingot/bench/internal/postgres"
	"ingot/internal/pgtest"
)

// settled are the events of the tests: 0..999.
const settled = 1000

// table is a database with the settled events, and a connection to it.
func table(t *testing.T, e *mix.Encoder) (string, *pgx.Conn) {
	t.Helper()
	url := pgtest.NewFrom(t, "bench", func(ctx context.Context, url string) error {
		return postgres.Exec(ctx, url, ingot.Schema)
	})
	conn := pgtest.Client(t, url)
	stream := []byte(mix.CopyHeader)
	for i := range settled {
		stream = e.AppendRow(stream, i, int64(101+i))
	}
	stream = append(stream, mix.CopyTrailer...)
	if _, err := conn.PgConn().CopyFrom(t.Context(), strings.NewReader(string(stream)), "COPY ingot.events ("+mix.CopyColumns+") FROM STDIN (FORMAT binary)"); err != nil {
		t.Fatal(err)
	}
	return url, conn
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		harm    string // what an ingester does wrong
		stored  int
		unknown int
		wrong   string // in the error; "" when the truth holds
	}{
		"all is there":                   {"", settled, 0, ""},
		"a row is lost":                  {"DELETE FROM ingot.events WHERE id = 700", settled, 0, "1 of 1000 acknowledged events are not in the table"},
		"a row has another topic":        {"UPDATE ingot.events SET topic = 'x' WHERE id = 700", settled, 0, "1 of 1000"},
		"a row is there twice":           {"ALTER TABLE ingot.events DROP CONSTRAINT events_pkey; INSERT INTO ingot.events SELECT * FROM ingot.events WHERE id = 700", settled, 0, "1 rows repeat a key"},
		"a row is there four times":      {"ALTER TABLE ingot.events DROP CONSTRAINT events_pkey; INSERT INTO ingot.events SELECT e.* FROM ingot.events AS e, generate_series(1, 3) WHERE e.id = 700", settled, 0, "3 rows repeat a key"},
		"a row from before comes again":  {"ALTER TABLE ingot.events DROP CONSTRAINT events_pkey; UPDATE ingot.events SET id = 100 WHERE id = 101; INSERT INTO ingot.events SELECT event_id, topic, 2000, source, timestamp, received_at, payload FROM ingot.events WHERE id = 100", settled, 0, "1 rows repeat a key"},
		"it comes again twice":           {"ALTER TABLE ingot.events DROP CONSTRAINT events_pkey; UPDATE ingot.events SET id = 100 WHERE id = 101; INSERT INTO ingot.events SELECT event_id, topic, 2000, source, timestamp, received_at, payload FROM ingot.events, generate_series(1, 2) WHERE id = 100", settled, 0, "2 rows repeat a key"},
		"a duplicate was called stored":  {"", settled + 1, 0, "1000 rows, but 1001"},
		"a stored was called duplicate":  {"", settled - 1, 0, "1000 rows, but 999"},
		"a lost answer may have stored":  {"", settled - 1, 1, ""},
		"a lost answer explains no less": {"", settled + 1, 1, "1000 rows, but 1001"},
		"rows from before do not count":  {"UPDATE ingot.events SET id = id - 50 WHERE id <= 150", settled - 50, 0, ""},
		"an id has two topics":           {"INSERT INTO ingot.events SELECT event_id, 'x', 2000, source, timestamp, received_at, payload FROM ingot.events WHERE id = 700", settled, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := mix.NewEncoder(mix.Mix{})
			if err != nil {
				t.Fatal(err)
			}
			url, conn := table(t, e)
			pgtest.Exec(t, conn, c.harm)
			acks := NewAcks(0)
			for i := range settled {
				acks.Add([]int{i, i / 2})
			}
			v, err := Check(t.Context(), url, e, acks.All(), 100)
			if err != nil {
				t.Fatal(err)
			}
			v.Stored, v.Unknown = c.stored, c.unknown
			if err := v.Err(); (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%+v: %v, want %q", v, err, c.wrong)
			}
		})
	}
}

// TestEveryStoredEventIsLookedFor: a check that knows less than was stored has not checked.
func TestEveryStoredEventIsLookedFor(t *testing.T) {
	t.Parallel()
	if err := (Verdict{Rows: 9, Stored: 9, Settled: 9}).Err(); err != nil {
		t.Error(err)
	}
	for _, known := range []int{0, 8} {
		if err := (Verdict{Rows: 9, Stored: 9, Settled: known}).Err(); err == nil || !strings.Contains(err.Error(), "could be looked for") {
			t.Errorf("%d of 9 are known: %v", known, err)
		}
	}
}

func TestAcks(t *testing.T) {
	t.Parallel()
	a := NewAcks(1000)
	a.Add([]int{1063, 1000, 1064, 999, 3, 1000})
	if got := slices.Collect(a.All()); !slices.Equal(got, []int{1000, 1063, 1064}) {
		t.Errorf("%v", got)
	}
	for i := range a.All() {
		if i != 1000 {
			t.Errorf("begins with %d", i)
		}
		break // what is not asked for any more is not given out, which would panic
	}
}
