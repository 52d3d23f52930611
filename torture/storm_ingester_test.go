package torture

import (
	"fmt"
	"os"
	"testing"

	"ingot/torture/internal/mutant"
	"ingot/torture/internal/netproxy"
	"ingot/torture/internal/pgproxy"
)

// stormIngester is an ingester whose clients and whose Postgres are behind proxies.
type stormIngester struct {
	*ingester
	name  string
	front *netproxy.Proxy
	back  *pgproxy.Proxy
	debug string // address of its profiles

	wrongGuesses float64 // share of new keys that its filter may suspect
	staged       bool    // every batch is merged
	lax          bool    // its decoder lets poison through
	filter       stats   // as it was last seen in this life
	logs         []*stormLog
	base         figures
}

// stormFlags keep every wait short, so that a fault is over when the storm is, and
// the queue small, so that it can be full; and the buffers of streams, so that they
// run over.
var stormFlags = []string{
	"--deadline=1500ms", "--attempt-timeout=1500ms", "--lock-timeout=150ms", "--outage-grace=300ms", "--retry-max=100ms",
	"--queue-events=2000", "--max-events=1000", "--batch-events=500", "--database-wait=60s",
	"--stream-heartbeat=100ms", "--stream-buffer=64",
}

// stormKinds are the ingesters of a storm. Between them they take every way to write,
// with a filter that is hardly ever wrong and with one that often is.
var stormKinds = []struct {
	name         string
	wrongGuesses float64
	staged, lax  bool
	flags        []string
}{
	{name: "A", wrongGuesses: 0.001},
	{name: "B", wrongGuesses: 0.1, staged: true, flags: []string{
		"--write-path=staged", "--bloom-capacity=1000", "--bloom-generations=4", "--bloom-false-positive=0.1",
	}},
	{name: "C", lax: true, flags: []string{"--write-path=direct", "--bloom=off"}},
}

// openIngesters starts them; they and their proxies end with s.end.
func (s *storm) openIngesters(scale float64) {
	for _, kind := range stormKinds {
		program := binary(s.T, "ingest")
		if kind.lax {
			if scale < laxScale {
				continue
			}
			program = laxIngest(s.T)
		}
		i := &stormIngester{name: kind.name, wrongGuesses: kind.wrongGuesses, staged: kind.staged, lax: kind.lax, debug: freeAddress(s.T)}
		var err error
		if i.back, err = pgproxy.Open(s.database.URL()); err != nil {
			s.Fatal(err)
		}
		flags := append(append([]string{}, stormFlags...), "--debug-listen", i.debug, "--database-url", i.back.URL)
		i.ingester = newIngester(s.T, program, append(flags, kind.flags...)...)
		if i.front, err = netproxy.Open(i.address); err != nil {
			s.Fatal(err)
		}
		s.ingesters = append(s.ingesters, i)
		s.begin(i)
	}
}

// laxScale is from where on a storm is worth the build of the lax ingester.
const laxScale = 0.2

// laxIngest builds the ingester whose decoder lets poison through, once. One that was
// given on the command line has to be lax itself.
func laxIngest(t *testing.T) string {
	t.Helper()
	if *ingestPath != "" {
		return *ingestPath
	}
	program := binary(t, "ingest-lax")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	if err := mutant.Build(t.Context(), program, buildFlags(), mutant.Lax); err != nil {
		t.Fatal(err)
	}
	return program
}

// begin starts a life of the ingester.
func (s *storm) begin(i *stormIngester) {
	s.Helper()
	i.filter = stats{}
	i.start(s.T)
	i.quiet = true
	i.logs = append(i.logs, &stormLog{file: i.stderr, life: fmt.Sprint(i.name, len(i.logs)+1)})
}
