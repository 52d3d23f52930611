package reader

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestSpan: since and until leave out the batches that are more than the slack of the
// clocks away, and no other.
func TestSpan(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	filled(t, url, 60)
	r := newReader(t, url)
	at := func(minute, second int) time.Time { return time.Date(2026, 1, 1, 0, minute, second, 0, time.UTC) }
	for _, c := range []struct {
		since, until time.Time
		begin, end   int64
	}{
		{at(30, 0), at(40, 0), 20, 50}, // batch n is committed at minute n-1, second 1
		{at(30, 1), at(40, 1), 20, 50},
		{at(30, 2), at(40, 2), 21, 51},
		{at(5, 0), at(49, 1), 0, 59},
		{at(5, 0), at(49, 2), 0, math.MaxInt64},
		{at(5, 0), at(100, 0), 0, math.MaxInt64},
		{at(100, 0), at(200, 0), 60, math.MaxInt64},
		{at(-60, 0), at(-50, 0), 0, 0},
	} {
		s, err := r.span(t.Context(), event.Query{Since: c.since, Until: c.until})
		if err != nil || s.begin.Commit != c.begin || s.until != c.end {
			t.Errorf("%v to %v: %+v %v, want batches behind %d up to %d", c.since, c.until, s, err, c.begin, c.end)
		}
	}
}

// TestUntilAfterAClockThatWasAhead: what came once it was right is on a page up to now.
func TestUntilAfterAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	order := filled(t, url, 60)
	conn, r := pgtest.Client(t, url), newReader(t, url)
	right := pgtest.Number(t, conn, "SELECT sum(stored) FROM ingot.batches WHERE commit_seq > 40")
	pgtest.Exec(t, conn, `UPDATE ingot.events AS e SET received_at = committed_at FROM ingot.batches AS b WHERE e.id BETWEEN b.first_id AND b.last_id;
		UPDATE ingot.batches SET committed_at = committed_at + interval '1 year' WHERE commit_seq <= 40`)
	for _, feed := range []bool{true, false} {
		q := event.Query{Feed: feed, Limit: 1000, Since: time.Date(2026, 1, 1, 0, 40, 0, 0, time.UTC), Until: time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)}
		got := storetest.Walk(t, r, q)
		slices.Sort(got)
		if diff := cmp.Diff(slices.Sorted(slices.Values(order[len(order)-int(right):])), got); diff != "" {
			t.Errorf("feed %v (-want +got)\n%s", feed, diff)
		}
	}
}

// TestTheEndsOfASpan: an event whose batch was committed as long before or after it as the clocks may differ is on the
// pages of since and until, whether its batch has the least id of them, the greatest, or neither.
func TestTheEndsOfASpan(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	filled(t, url, 60)
	r, conn := newReader(t, url), pgtest.Client(t, url)
	since, until := time.Date(2026, 1, 1, 0, 30, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 35, 0, 0, time.UTC)
	for batch, received := range map[int]time.Time{21: since, 45: until.Add(-time.Microsecond)} { // committed at 00:20:01 and 00:44:01
		pgtest.Exec(t, conn, "UPDATE ingot.events AS e SET received_at = $1 FROM ingot.batches AS b WHERE b.commit_seq = $2 AND e.id BETWEEN b.first_id AND b.last_id", received, batch)
	}
	for _, topics := range [][]string{nil, {"frequent"}} {
		rows, err := conn.Query(t.Context(), `SELECT e.topic || '/' || e.event_id FROM ingot.events AS e JOIN ingot.batches AS b ON e.id BETWEEN b.first_id AND b.last_id
			WHERE received_at >= $1 AND received_at < $2 AND ($3::text[] IS NULL OR e.topic = ANY($3)) ORDER BY commit_seq, id`, since, until, topics)
		if err != nil {
			t.Fatal(err)
		}
		want, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int{1, 1000} {
			q := event.Query{Feed: true, Limit: limit, Topics: topics, Since: since, Until: until}
			if diff := cmp.Diff(want, storetest.Walk(t, r, q)); diff != "" {
				t.Errorf("feed of %v, limit %d: %s", topics, limit, diff)
			}
			q.Feed = false
			if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(storetest.Walk(t, r, q)))); diff != "" {
				t.Errorf("newest of %v, limit %d: %s", topics, limit, diff)
			}
		}
	}
}

// TestNothingOlderIsGoneThrough: a log has millions of batches, and those of since and until, wherever they lie, are found
// by the bounds of an index alone. A filter behind an index would refuse all the others, but for that of void rows, which
// are few.
func TestNothingOlderIsGoneThrough(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, `INSERT INTO ingot.batches SELECT n, 2 * n, 2 * n + 1, 2, 0, 2 * n, 0, gen_random_uuid(), now() - interval '1 day' + n * interval '1 second', 0, NULL, n % 64 = 0 FROM generate_series(1, 50000) AS n`)
	pgtest.Exec(t, conn, "ANALYZE ingot.batches")
	r := newReader(t, url)
	for name, c := range map[string]struct {
		sql  string
		args []any
	}{
		"ids of a span": {idsQuery, []any{int64(48_000), int64(49_000), int64(49_000), int64(49_500), int64(math.MaxInt64)}},
		"batches of it": {"SELECT " + logColumns + " FROM ingot.batches " + logBelow, []any{int64(99_000), int64(98_990), 64}},
	} {
		rows, err := r.pool.Query(t.Context(), "EXPLAIN "+c.sql, c.args...)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if text := strings.ReplaceAll(strings.Join(plan, "\n"), "Filter: (received > 0)", ""); err != nil || strings.Contains(text, "Filter:") || strings.Contains(text, "Seq Scan") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

// TestIDsOfSpans: the least id and the greatest are found by the ends of a span alone, though
// several connections commit, each with ids of blocks that it drew up to half an hour before.
func TestIDsOfSpans(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	r := newReader(t, url)
	random := rand.New(rand.NewPCG(1, 2))
	type conn struct {
		opened     time.Time
		next, last int64
	}
	type row struct {
		first, last int64
		at          time.Time
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	conns, log, blocks := make([]conn, 3), []row{}, int64(0)
	sql := strings.Builder{}
	for len(log) < 1500 {
		now = now.Add(time.Duration(random.ExpFloat64() * float64(20*time.Second)))
		if random.IntN(200) == 0 {
			now = now.Add(3 * time.Hour) // nobody sends
		}
		c := &conns[min(random.IntN(20), 2)] // two commit rarely
		n := int64(1 + random.IntN(9000))
		if c.last-c.next < n || now.Sub(c.opened) > postgres.SessionLifetime {
			if now.Sub(c.opened) > postgres.SessionLifetime {
				c.opened = now
			}
			*c = conn{c.opened, blocks*postgres.BlockSize + 1, (blocks + 1) * postgres.BlockSize}
			blocks++
		}
		log = append(log, row{c.next, c.next + n - 1, now})
		fmt.Fprintf(&sql, "INSERT INTO ingot.batches VALUES (%d, %d, %d, %d, 0, 0, 0, gen_random_uuid(), '%s', 0);", len(log), c.next, c.next+n-1, n, now.Format(time.RFC3339Nano))
		c.next += n
	}
	pgtest.Exec(t, pgtest.Client(t, url), sql.String())
	mixed, parts := 0, 0
	for range 300 {
		begin := random.IntN(len(log))
		end := begin + random.IntN(len(log)-begin+1)
		s := span{begin: event.Position{Commit: int64(begin)}, until: int64(end)}
		switch random.IntN(6) {
		case 0:
			end, s.until = len(log), math.MaxInt64
		case 1:
			begin, s.begin.Commit = 0, 0
		}
		lo, hi := int64(1), int64(0)
		for i, l := range log[begin:end] {
			if i == 0 || l.first < lo {
				lo = l.first
			}
			hi = max(hi, l.last)
		}
		gotLo, gotHi, err := r.idsOf(t.Context(), s)
		if err != nil || gotLo != lo || gotHi != hi {
			t.Errorf("batches behind %d up to %d: ids %d to %d, %v, want %d to %d", begin, end, gotLo, gotHi, err, lo, hi)
		}
		if begin < end && (lo != log[begin].first || hi != log[end-1].last) {
			mixed++
		}
		head, err := r.head(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		tail, err := r.tail(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if begin < int(head) && head < tail && int(tail) < end {
			parts++
		}
	}
	if mixed < 50 || parts < 50 {
		t.Errorf("%d spans whose ends are not in order, %d with something between head and tail: too few to tell", mixed, parts)
	}
}
