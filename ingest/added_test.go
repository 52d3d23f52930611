package main

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ingot/internal/pgtest"
)

// startBeside starts a server with these flags on a fresh database, and returns where it is and a connection to that database.
func startBeside(t *testing.T, flags ...string) (base string, conn *pgx.Conn) {
	t.Helper()
	c, err := parse(t, flags...)
	if err != nil {
		t.Fatal(err)
	}
	url := pgtest.New(t)
	c.Serve.Listen, c.Serve.DatabaseURL, c.Serve.AllowUnsafe = "127.0.0.1:0", url, true
	base = start(t, c.Serve.config)
	if conn, err = pgx.Connect(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return base, conn
}

// TestAddedConstraints are broken by one request, whose client is told which, and not to come again; the server's
// figures tell it too. A constraint that waits for the COMMIT is no exception.
func TestAddedConstraints(t *testing.T) {
	t.Parallel()
	base, conn := startBeside(t, "--deadline=2m", "--attempt-timeout=1m") // however slow the machine
	if _, err := conn.Exec(t.Context(), `CREATE TABLE public.known (source text PRIMARY KEY); INSERT INTO public.known VALUES ('s'), ('barred');
		ALTER TABLE ingot.events ADD CONSTRAINT no_barred CHECK (source <> 'barred');
		ALTER TABLE ingot.events ADD CONSTRAINT of_a_known FOREIGN KEY (source) REFERENCES public.known DEFERRABLE INITIALLY DEFERRED`); err != nil {
		t.Fatal(err)
	}
	for source, constraint := range map[string]string{"barred": "no_barred", "strange": "of_a_known"} {
		body := `{"topic":"t","event_id":"` + source + `","source":"` + source + `","timestamp":"2026-01-01T00:00:00Z","payload":1}`
		response, err := http.Post(base+"/publish", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(answer), constraint) {
			t.Errorf("%s is answered %d %s %v, want 422 for %s", source, response.StatusCode, answer, err, constraint)
		}
	}
	for path, figure := range map[string]string{"/stats": `"decoder_misses":0,"constraint_refusals":2`, "/metrics": "\ningot_requests_refused_by_constraints_total 2\n"} {
		if answer := read(t, base+path); !strings.Contains(answer, figure) {
			t.Errorf("%s does not say %s: %s", path, figure, answer)
		}
	}
}

// startMistaken starts a server with these flags on a database where this trigger fails for events of the source odd. publish
// sends an event, and returns the status of the answer.
func startMistaken(t *testing.T, trigger string, flags ...string) (base string, conn *pgx.Conn, publish func(id, source string) int) {
	t.Helper()
	base, conn = startBeside(t, flags...)
	if _, err := conn.Exec(t.Context(), `CREATE FUNCTION public.audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF NEW.source = 'odd' THEN INSERT INTO public.audits VALUES (NEW.event_id); END IF; RETURN NEW; END $$; `+trigger); err != nil {
		t.Fatal(err)
	}
	return base, conn, func(id, source string) int {
		body := `{"topic":"t","event_id":"` + id + `","source":"` + source + `","timestamp":"2026-01-01T00:00:00Z","payload":1}`
		response, err := http.Post(base+"/publish", "application/json", strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
}

// TestAMistakeInATrigger that only some events meet has only these wait: each until its deadline, or until the mistake is
// mended. The figures tell of it. A deferred trigger is no exception.
func TestAMistakeInATrigger(t *testing.T) {
	t.Parallel()
	for name, trigger := range map[string]string{
		"at once":       "CREATE TRIGGER audit AFTER INSERT ON ingot.events FOR EACH ROW EXECUTE FUNCTION public.audit()",
		"at the COMMIT": "CREATE CONSTRAINT TRIGGER audit AFTER INSERT ON ingot.events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.audit()",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, publish := startMistaken(t, trigger, "--deadline=15s") // which others have as well
			never := make(chan int, 1)
			go func() { never <- publish("never", "odd") }() // ends with the answer, received below
			for i := 0; len(never) == 0; i++ {               // others are stored all the while
				if status := publish(strconv.Itoa(i), "s"); status != http.StatusOK {
					t.Fatalf("an event beside it is answered %d", status)
				}
			}
			if status := <-never; status != http.StatusServiceUnavailable {
				t.Errorf("the odd event is answered %d, want 503", status)
			}
		})
		t.Run(name+", mended", func(t *testing.T) {
			t.Parallel()
			base, conn, publish := startMistaken(t, trigger, "--deadline=2m") // it passes only in a test that fails
			later := make(chan int, 1)
			go func() { later <- publish("later", "odd") }() // ends with the answer, received below
			for i := 0; !strings.Contains(read(t, base+"/stats"), `"unexplained_requests":1`); i++ {
				if publish("again "+strconv.Itoa(i), "s") != http.StatusOK || len(later) > 0 {
					t.Fatal("the odd event was not recognized before its deadline")
				}
			}
			if metrics := read(t, base+"/metrics"); !strings.Contains(metrics, "\ningot_requests_unexplained_total 1\n") {
				t.Errorf("/metrics does not tell of it: %s", metrics)
			}
			if _, err := conn.Exec(t.Context(), "CREATE TABLE public.audits (id text)"); err != nil {
				t.Fatal(err)
			}
			if status := <-later; status != http.StatusOK {
				t.Errorf("once the mistake is mended the event is answered %d, want 200", status)
			}
		})
	}
}
