package writer

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// raising makes a function for triggers that refuses what a condition says, and names its table.
func raising(condition string) string { return raisingAs("EXCEPTION 'refused'", condition) }

// raisingAs does so with an exception of its own.
func raisingAs(exception, condition string) string {
	return `CREATE FUNCTION ingot.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF ` + condition + ` THEN RAISE ` + exception + ` USING SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME; END IF; RETURN NEW; END $$;`
}

// Triggers that refuse events by ingot.refuse().
const (
	atOnce = "CREATE TRIGGER refuse BEFORE INSERT ON ingot.events FOR EACH ROW EXECUTE FUNCTION ingot.refuse()"
	atEnd  = "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON ingot.events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ingot.refuse()"
)

// TestAddedConstraintsRefuseARequest on every path, and say which of them it was. What the batch holds beside it is
// not to blame, and is stored without it.
func TestAddedConstraintsRefuseARequest(t *testing.T) {
	t.Parallel()
	const known = "CREATE TABLE public.known (source text PRIMARY KEY); INSERT INTO public.known VALUES ('s');"
	for name, c := range map[string]struct{ ddl, by string }{
		"check":            {"ALTER TABLE ingot.events ADD CONSTRAINT no_bad CHECK (source <> 'bad')", "the constraint no_bad"},
		"unique":           {"CREATE UNIQUE INDEX one_bad ON ingot.events ((source = 'bad')) WHERE source <> 's'; INSERT INTO ingot.events VALUES ('x', 'x', 1, 'x', now(), now(), '1'); INSERT INTO ingot.events VALUES ('y', 'x', 2, 'bad', now(), now(), '1')", "the constraint one_bad"},
		"foreign key":      {known + "ALTER TABLE ingot.events ADD CONSTRAINT of_a_known FOREIGN KEY (source) REFERENCES public.known", "the constraint of_a_known"},
		"deferred":         {known + "ALTER TABLE ingot.events ADD CONSTRAINT in_the_end FOREIGN KEY (source) REFERENCES public.known DEFERRABLE INITIALLY DEFERRED", "the constraint in_the_end"},
		"trigger":          {raising("NEW.source = 'bad'") + atOnce, "a trigger"},
		"deferred trigger": {raising("NEW.source = 'bad'") + atEnd, "a trigger"},

		"SQLSTATE of its own":           {raisingAs("SQLSTATE 'MY001'", "NEW.source = 'bad'") + atOnce, "a trigger"},
		"SQLSTATE of its own, deferred": {raisingAs("SQLSTATE 'MY001'", "NEW.source = 'bad'") + atEnd, "a trigger"},
		"as a missing right":            {raisingAs("insufficient_privilege", "NEW.source = 'bad'") + atOnce, "a trigger"},
		"as a missing right, deferred":  {raisingAs("insufficient_privilege", "NEW.source = 'bad'") + atEnd, "a trigger"},
		"as a missing value":            {raisingAs("not_null_violation", "NEW.source = 'bad'") + atOnce, "a trigger"},
		"as bad data":                   {raisingAs("invalid_parameter_value", "NEW.source = 'bad'") + atOnce, "a trigger"},
		"as bad data, deferred":         {raisingAs("invalid_parameter_value", "NEW.source = 'bad'") + atEnd, "a trigger"},
		"ASSERT":                        {"CREATE FUNCTION ingot.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ASSERT NEW.source <> 'bad'; RETURN NEW; END $$;" + atOnce, "a trigger"},
		"function of a check": {"CREATE FUNCTION ingot.good(source text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN IF source = 'bad' THEN RAISE SQLSTATE 'MY001'; END IF; RETURN true; END $$;" +
			"ALTER TABLE ingot.events ADD CHECK (ingot.good(source))", "a trigger"},
	} {
		for _, path := range []Path{PathAuto, PathStaged, PathDirect} {
			t.Run(name+" "+string(path), func(t *testing.T) {
				t.Parallel()
				url := postgrestest.Database(t)
				pgtest.Exec(t, pgtest.Client(t, url), c.ddl)
				w := newWriter(t, url)
				w.chooser.path = path
				bad := storetest.Event("b")
				bad.Source = "bad"
				_, err := w.Merge(t.Context(), event.Batch{Groups: append(storetest.Groups("a"), storetest.Group(bad))}, func() {})
				var refused *event.BadDataError
				if !errors.As(err, &refused) || refused.By != c.by {
					t.Fatalf("got %v, want bad data that %s refuses", err, c.by)
				}
				if tryAgain := new(event.NotStoredError); errors.As(err, &tryAgain) {
					t.Errorf("%v is two fates at once: the client would be told to send it again", err)
				}
				if w.session == nil {
					t.Error("the connection is given up for it")
				}
				if diff := cmp.Diff([]bool{true}, storetest.Merge(t, w, "a")); diff != "" {
					t.Errorf("the event beside it: %s", diff)
				}
			})
		}
	}
}

// TestAddedToTheLog, a constraint or trigger is nobody's fault who publishes: they are told to come again. So they are where
// a column was added that requires a value.
func TestAddedToTheLog(t *testing.T) {
	t.Parallel()
	for name, ddl := range map[string]string{
		"column of events": "ALTER TABLE ingot.events ADD COLUMN tenant text NOT NULL",
		"check":            "ALTER TABLE ingot.batches ADD CONSTRAINT none CHECK (received = 0)",
		"deferred":         "CREATE TABLE public.events (id int8 PRIMARY KEY); ALTER TABLE ingot.batches ADD CONSTRAINT none FOREIGN KEY (received) REFERENCES public.events DEFERRABLE INITIALLY DEFERRED",
		"deferred trigger": raising("true") + "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON ingot.batches DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ingot.refuse()",
		"trigger":          raising("true") + "CREATE TRIGGER refuse AFTER INSERT ON ingot.batches FOR EACH ROW EXECUTE FUNCTION ingot.refuse()",
		"with an SQLSTATE": raisingAs("SQLSTATE 'MY001'", "true") + "CREATE TRIGGER refuse AFTER INSERT ON ingot.batches FOR EACH ROW EXECUTE FUNCTION ingot.refuse()",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			pgtest.Exec(t, pgtest.Client(t, url), ddl)
			var notStored *event.NotStoredError
			if _, err := newWriter(t, url).Merge(t.Context(), event.Batch{Groups: storetest.Groups("a")}, func() {}); !errors.As(err, &notStored) {
				t.Errorf("got %v, want not stored", err)
			}
		})
	}
}

// TestExceptionsThatMayPass, and mistakes of whoever wrote the trigger, refuse nothing: the batch is tried again, and stored once
// they are over. Here each is over after the first time, for a sequence keeps its place.
func TestExceptionsThatMayPass(t *testing.T) {
	t.Parallel()
	const at = " USING SCHEMA = 'ingot', TABLE = 'events'"
	for name, c := range map[string]struct {
		fail string
		want event.Reason
	}{
		"serialization":          {"RAISE serialization_failure" + at, event.ReasonUnexplained},
		"starting":               {"RAISE cannot_connect_now" + at, event.ReasonUnexplained},
		"remote":                 {"RAISE SQLSTATE '08006'" + at, event.ReasonUnexplained},
		"disk":                   {"RAISE disk_full" + at, event.ReasonUnexplained},
		"no table":               {"PERFORM FROM public.nowhere", event.ReasonUnexplained},
		"passed on":              {"DECLARE n int; BEGIN SELECT 1 INTO STRICT n WHERE false; EXCEPTION WHEN no_data_found THEN RAISE; END", event.ReasonUnexplained},
		"passed on as one's own": {"BEGIN PERFORM FROM public.nowhere; EXCEPTION WHEN undefined_table THEN RAISE EXCEPTION 'auditing'" + at + ", ERRCODE = SQLSTATE; END", event.ReasonUnexplained},
	} {
		for _, trigger := range []string{atOnce, atEnd} {
			t.Run(name+" "+trigger[7:14], func(t *testing.T) {
				t.Parallel()
				url := postgrestest.Database(t)
				conn := pgtest.Client(t, url)
				pgtest.Exec(t, conn, "CREATE SEQUENCE ingot.tries; CREATE FUNCTION ingot.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('ingot.tries') = 1 THEN "+
					c.fail+"; END IF; RETURN NEW; END $$;"+trigger)
				w := newWriter(t, url)
				w.chooser.path = PathStaged
				var notStored *event.NotStoredError
				if stored, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("a", "b")}, func() {}); !errors.As(err, &notStored) || notStored.Reason != c.want {
					t.Errorf("got %v %v, want not stored: %s", stored, err, c.want)
				}
				if diff := cmp.Diff([]bool{true, true}, storetest.Merge(t, w, "a", "b")); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// TestATriggerHasAnEventWait: one that raises what a held key does is taken for that. The request waits alone, beside the others.
func TestATriggerHasAnEventWait(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	pgtest.Exec(t, pgtest.Client(t, url), raisingAs("lock_not_available", "NEW.source = 's'")+atOnce)
	late := storetest.Event("a")
	late.Source = "s"
	var held *event.NotStoredError
	if stored, err := newWriter(t, url).Merge(t.Context(), event.Batch{Groups: []event.Group{storetest.Group(late)}}, func() {}); !errors.As(err, &held) || held.Reason != event.ReasonKeyHeld {
		t.Errorf("got %v %v, want a held key", stored, err)
	}
}

// TestWhoRefuses: a constraint, and an exception that is raised on purpose, refuse a row; another error of a trigger may
// pass by itself. At the COMMIT both have to name the table of events: it may be one of the log.
func TestWhoRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err               pgconn.PgError
		merged, committed string // who refuses, by the error of the merge and of the commit Query; empty: nobody
	}{
		"check":                   {pgconn.PgError{Code: "23514", SchemaName: "ingot", TableName: "events", ConstraintName: "c"}, "the constraint c", "the constraint c"},
		"without a name":          {pgconn.PgError{Code: "23514", SchemaName: "ingot", TableName: "events"}, "a constraint", "a constraint"},
		"not null":                {pgconn.PgError{Code: "23502", SchemaName: "ingot", TableName: "events"}, "", ""},
		"raised":                  {pgconn.PgError{Code: "P0001"}, "a trigger", ""},
		"raised about the events": {pgconn.PgError{Code: "P0001", SchemaName: "ingot", TableName: "events"}, "a trigger", "a trigger"},
		"no rows, in a trigger":   {pgconn.PgError{Code: "P0002", Routine: "exec_stmt_execsql"}, "", ""},
		"no rows, raised":         {pgconn.PgError{Code: "P0002", Routine: "exec_stmt_raise"}, "a trigger", ""},
		"asserted":                {pgconn.PgError{Code: "P0004", Routine: "exec_stmt_assert"}, "a trigger", ""},
		"named by a RAISE":        {pgconn.PgError{Code: "23514", Routine: "exec_stmt_raise", ConstraintName: "c"}, "the constraint c", ""},
		"a lock, raised":          {pgconn.PgError{Code: "55P03", Routine: "exec_stmt_raise", SchemaName: "ingot", TableName: "events"}, "", ""},
		"a missing right":         {pgconn.PgError{Code: "42501", Routine: "aclcheck_error"}, "", ""},
		"a missing right, raised": {pgconn.PgError{Code: "42501", Routine: "exec_stmt_raise", SchemaName: "ingot", TableName: "events"}, "a trigger", "a trigger"},
		"of the log":              {pgconn.PgError{Code: "23503", SchemaName: "ingot", TableName: "batches", ConstraintName: "c"}, "the constraint c", ""},
		"of another's events":     {pgconn.PgError{Code: "23503", SchemaName: "public", TableName: "events", ConstraintName: "c"}, "the constraint c", ""},
		"a row security policy":   {pgconn.PgError{Code: "42501", Routine: "ExecWithCheckOptions"}, "a row security policy", ""},
		"the check of a view":     {pgconn.PgError{Code: "44000", Routine: "ExecWithCheckOptions"}, "", ""},
	} {
		c.err.Severity = "ERROR"
		merged, committed := classify(&c.err), judgeCommit('I', answered{}, &c.err)
		if by(merged) != c.merged || by(committed) != c.committed {
			t.Errorf("%s: got %v and at the COMMIT %v, want by %q and %q", name, merged, committed, c.merged, c.committed)
		}
		for _, err := range []error{merged, committed} {
			var notStored *event.NotStoredError
			if errors.As(err, &notStored) != (by(err) == "") {
				t.Errorf("%s: %v has not one fate", name, err)
			}
		}
	}
}

// TestUnexplained: an ERROR may be the fault of one row, unless it speaks of the server or the transaction. A FATAL is none.
func TestUnexplained(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  pgconn.PgError
		want event.Reason
	}{
		"a function that is not there": {pgconn.PgError{Code: "42883"}, event.ReasonUnexplained},
		"no rows, in a trigger":        {pgconn.PgError{Code: "P0002"}, event.ReasonUnexplained},
		"another language":             {pgconn.PgError{Code: "38000"}, event.ReasonUnexplained},
		"a broken page":                {pgconn.PgError{Code: "XX001"}, event.ReasonUnexplained},
		"not null":                     {pgconn.PgError{Code: "23502", SchemaName: "ingot", TableName: "events"}, event.ReasonUnexplained},
		"takes too long":               {pgconn.PgError{Code: "57014"}, event.ReasonUnexplained},
		"stopping":                     {pgconn.PgError{Code: "57P01"}, event.ReasonUnavailable},
		"no room":                      {pgconn.PgError{Code: "53100"}, event.ReasonUnavailable},
		"read-only":                    {pgconn.PgError{Code: "25006"}, event.ReasonUnavailable},
		"deadlock":                     {pgconn.PgError{Code: "40P01"}, event.ReasonUnavailable},
		"connection of a trigger":      {pgconn.PgError{Code: "08006"}, event.ReasonUnavailable},
		"a lock":                       {pgconn.PgError{Code: "55P03"}, event.ReasonUnavailable},
		"no room, raised":              {pgconn.PgError{Code: "53100", Routine: "exec_stmt_raise"}, event.ReasonUnexplained},
		"deadlock, raised":             {pgconn.PgError{Code: "40P01", Routine: "exec_stmt_raise"}, event.ReasonUnexplained},
		"a lock, raised":               {pgconn.PgError{Code: "55P03", Routine: "exec_stmt_raise"}, event.ReasonUnexplained},
		"fatal":                        {pgconn.PgError{Code: "XX000", Severity: "FATAL"}, event.ReasonUnavailable},
		"of the log":                   {pgconn.PgError{Code: "23502", SchemaName: "ingot", TableName: "batches"}, event.ReasonUnavailable},
	} {
		fatal := c.err.Severity != ""
		if !fatal {
			c.err.Severity = "ERROR"
		}
		fates := []error{classify(&c.err)}
		if !fatal && name != "takes too long" { // after a FATAL an outcome is not known; TestLogLockIsNotAKey
			fates = append(fates, judgeCommit('I', answered{}, &c.err))
		}
		for _, err := range fates {
			var notStored *event.NotStoredError
			if !errors.As(err, &notStored) || notStored.Reason != c.want {
				t.Errorf("%s: %v, want not stored: %s", name, err, c.want)
			}
		}
	}
}

// by is who refuses bad data, if that is what err tells of.
func by(err error) string {
	var badData *event.BadDataError
	if errors.As(err, &badData) {
		return badData.By
	}
	return ""
}

// TestReportWithoutSQLSTATE: what answers in Postgres' place may send less than Postgres does. Nothing is concluded from it.
func TestReportWithoutSQLSTATE(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"", "2"} {
		err := &pgconn.PgError{Severity: "ERROR", Code: code}
		var notStored *event.NotStoredError
		if got := classify(err); !errors.As(got, &notStored) || notStored.Reason != event.ReasonUnavailable {
			t.Errorf("SQLSTATE %q: %v, want not stored", code, got)
		}
		if postgres.NotUpYet(err) {
			t.Errorf("SQLSTATE %q: it may be waited for", code)
		}
	}
}
