package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ingot/internal/pgtest"
)

// TestAddedConstraints are broken by one request, whose client is told which, and not to come again; the server's
// figures tell it too. A constraint that waits for the COMMIT is no exception.
func TestAddedConstraints(t *testing.T) {
	t.Parallel()
	c, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	url := pgtest.New(t)
	c.Serve.Listen, c.Serve.DatabaseURL, c.Serve.AllowUnsafe = "127.0.0.1:0", url, true
	base := start(t, c.Serve.config)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
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
