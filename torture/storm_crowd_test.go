package torture

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/torture/internal/mutant"
	"ingot/torture/internal/oracle"
	"ingot/torture/internal/pgproxy"
	"ingot/torture/internal/traffic"
)

// crowdFaults bring clients of their own.
func (s *storm) crowdFaults() (faults []fault) {
	for n, i := range s.ingesters {
		unwelcome := unwelcomes[n%len(unwelcomes)]
		faults = append(faults,
			fault{kind: "more than the queue holds", detail: i.name, strike: func() bool { return s.crowd(i) }},
			fault{kind: "a key held by a lock", detail: i.name, strike: func() bool { return s.holdKey(i) }},
			fault{kind: "a trigger with a mistake", detail: i.name, strike: func() bool { return s.stumble(i) }},
			fault{kind: "what an added " + unwelcome.by + " refuses", detail: i.name, strike: func() bool { return s.refused(i, unwelcome.event, true) }})
	}
	return append(faults, s.poison()...)
}

// poison is what a lax decoder lets through, a third of the kinds for each of three
// seeds in a row.
func (s *storm) poison() (faults []fault) {
	i := s.ingesters[len(s.ingesters)-1]
	for n, p := range mutant.Poisons() {
		switch {
		case !i.lax:
			s.report.cannot("poison: "+p.Name, "no ingester of this storm has a lax decoder")
		case n%3 == int(s.seed%3):
			faults = append(faults, fault{kind: "poison: " + p.Name, detail: i.name, strike: func() bool {
				return s.refused(i, func(k oracle.Key) string { return p.Event(s.random, k.ID, k.Topic) }, false)
			}})
		}
	}
	return faults
}

// unwelcome is the source of events that something added to the table refuses.
type unwelcome struct{ by, source string }

var unwelcomes = []unwelcome{{"constraint", "unwelcome"}, {"trigger", "uncalled"}}

// addConstraint adds these: a CHECK, and a trigger that raises what a missing right does. Another trigger fails, as by a mistake, as
// long as the table mistakes has a row. No trigger is called for other events, and all leave COPY its batches of rows.
func (s *storm) addConstraint() {
	err := s.database.ask(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `ALTER TABLE ingot.events ADD CONSTRAINT welcome CHECK (source <> 'unwelcome');
			CREATE FUNCTION ingot.turn_away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE insufficient_privilege; END $$;
			CREATE TRIGGER welcome AFTER INSERT ON ingot.events FOR EACH ROW WHEN (NEW.source = 'uncalled') EXECUTE FUNCTION ingot.turn_away();
			CREATE TABLE public.mistakes ();
			CREATE FUNCTION ingot.stumble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT FROM public.mistakes) THEN RAISE fdw_error; END IF; RETURN NEW; END $$;
			CREATE TRIGGER stumble AFTER INSERT ON ingot.events FOR EACH ROW WHEN (NEW.topic = 'stumble') EXECUTE FUNCTION ingot.stumble()`)
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
}

// event is a good event, but for its source.
func (u unwelcome) event(k oracle.Key) string {
	e, _ := json.Marshal(map[string]any{ // cannot fail: strings
		"event_id": k.ID, "topic": k.Topic, "source": u.source, "timestamp": "2026-01-01T00:00:00Z", "payload": nil,
	})
	return string(e)
}

// refused sends an event that Postgres refuses, with two good ones in its request and other requests beside it, while a batch
// dawdles: it is refused with its own request and no other. A patient client sends it until it is refused for good, which has
// to happen.
func (s *storm) refused(i *stormIngester, bad func(oracle.Key) string, patient bool) bool {
	refused := s.gate.told(traffic.RefusedByPostgres)
	if !s.aim(i) {
		return false
	}
	r := s.extra(3)
	r.Patient = patient
	e := &r.Events[1]
	e.Bad, e.Raw = traffic.BadRaw, bad(e.Key)
	for n := range 8 {
		if n == 4 {
			s.bring(r, i)
		}
		s.bring(s.extra(2), i)
	}
	return s.until(func() bool { return s.gate.told(traffic.RefusedByPostgres) > refused })
}

// stumble has a trigger make a mistake at one event of many, and mends it. Its request waits, and all others go on.
func (s *storm) stumble(i *stormIngester) bool {
	before, err := i.stats()
	if err != nil || s.database.do("INSERT INTO public.mistakes DEFAULT VALUES") != nil {
		return false
	}
	defer s.mend()
	if !s.aim(i) {
		return false
	}
	r := s.extra(3)
	r.Patient = true
	r.Events[1].Key.Topic = "stumble"
	for n := range 8 {
		if n == 4 {
			s.bring(r, i)
		}
		s.bring(s.extra(2), i)
	}
	return s.until(func() bool {
		now, err := i.stats()
		return err == nil && now.Queue.Unexplained > before.Queue.Unexplained
	})
}

// mend ends the mistake. If that fails, heal does it again.
func (s *storm) mend() { _ = s.database.do("DELETE FROM public.mistakes") }

// crowd sends more events than the queue holds while a batch dawdles.
func (s *storm) crowd(i *stormIngester) bool {
	full := s.gate.told("503 queue-full")
	armed := i.back.Arm(pgproxy.Fault{At: pgproxy.Commit, Do: pgproxy.DelayBefore, Delay: 300 * time.Millisecond, Times: 3})
	if !s.until(armed.Fired) {
		return false
	}
	for range 14 {
		s.bring(s.extra(200), i)
	}
	return s.until(func() bool { return s.gate.told("503 queue-full") > full })
}

// holdKey keeps a key in a transaction that is never committed. Whoever needs it waits, and all others go on.
func (s *storm) holdKey(i *stormIngester) bool {
	r := s.extra(3)
	before, err := i.stats()
	if err != nil {
		return false
	}
	parked := false
	err = s.database.askOnce(func(ctx context.Context, conn *pgx.Conn) error {
		if err := insertKey(ctx, conn, r); err != nil {
			return err
		}
		s.bring(r, i)
		parked = s.until(func() bool {
			now, err := i.stats()
			return err == nil && now.Queue.Parked > before.Queue.Parked
		})
		s.hold(30)
		_, err := conn.Exec(ctx, "ROLLBACK")
		return err
	})
	return err == nil && parked
}

func insertKey(ctx context.Context, conn *pgx.Conn, r traffic.Request) error {
	if _, err := conn.Exec(ctx, "BEGIN"); err != nil {
		return err
	}
	k := r.Events[1].Key
	_, err := conn.Exec(ctx, `INSERT INTO ingot.events (event_id, topic, id, source, "timestamp", received_at, payload)
		VALUES ($1, $2, -1, 'storm', now(), now(), '0')`, k.ID, k.Topic)
	return err
}
