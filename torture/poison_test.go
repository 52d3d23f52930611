package torture

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"ingot/internal/pgtest"
	"ingot/torture/internal/mutant"
)

// TestPoison: each kind is let through by a lax decoder, and refused by Postgres for the
// reason it is known for, in the form in which it comes from a COPY. What the storm
// does with it counts on that.
func TestPoison(t *testing.T) {
	program := filepath.Join(t.TempDir(), "ingest")
	if err := mutant.Build(t.Context(), program, nil, mutant.Lax); err != nil {
		t.Fatal(err)
	}
	server := pgtest.Durable(t)
	i := newIngester(t, program, "--database-url", server.URL(), "--write-path=direct", "--bloom=off", "--log-level=debug")
	i.start(t)
	r := rand.New(rand.NewPCG(1, 0))
	poisons := mutant.Poisons()
	for n, p := range poisons {
		a := i.publishBytes([]byte("[" + p.Event(r, fmt.Sprint("poison-", n), "poison") + "]"))
		if a.status != http.StatusUnprocessableEntity || a.problem != "refused-by-postgres" {
			t.Errorf("%s: answered %v", p.Name, a)
		}
	}
	if a := i.publishBytes(events(1, 5, 10)); a.status != http.StatusOK {
		t.Errorf("after all of them: %v", a)
	}
	if n := pgtest.Number(t, pgtest.Client(t, server.URL()), "SELECT count(*) FROM ingot.events"); n != 5 {
		t.Errorf("%d rows, 5 are good", n)
	}
	i.stop(t) // the log is behind the answers, and whole now
	var refused []string
	for line := range strings.Lines(i.said(i.stderr)) {
		if strings.Contains(line, `"msg":"direct path refused, staging the batch"`) {
			refused = append(refused, line)
		}
	}
	if len(refused) != len(poisons) {
		t.Fatalf("%d of %d were refused on the direct path", len(refused), len(poisons))
	}
	for n, p := range poisons {
		if !strings.Contains(refused[n], "(SQLSTATE "+p.SQLSTATE+")") {
			t.Errorf("%s, known for %s: %s", p.Name, p.SQLSTATE, refused[n])
		}
	}
}
