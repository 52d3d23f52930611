package torture

import (
	"strings"
	"testing"

	"ingot/internal/pgtest"
)

// TestStartsThatCannotWork: each says why in one line, and changes nothing for the
// ingester that runs.
func TestStartsThatCannotWork(t *testing.T) {
	data := dataFolder(t)
	i := startIngester(t, "--data-dir", data)
	for _, c := range []struct {
		name  string
		flags []string
		says  string
		code  int
	}{
		{
			"a second ingester on the same data folder",
			[]string{"--listen", freeAddress(t), "--data-dir", data},
			"is in use by another ingest (pid ", 1,
		},
		{
			"a port that is taken",
			[]string{"--listen", i.address, "--data-dir", dataFolder(t)},
			i.address + " is in use by another program", 1,
		},
		{
			"a flag that does not exist",
			[]string{"--lisen", i.address},
			"unknown flag --lisen", usageCode,
		},
		{
			"a size that is none",
			[]string{"--max-body", "many"},
			`"many" is not a size`, usageCode,
		},
		{
			"flags that contradict each other",
			[]string{"--max-events", "10000", "--queue-events", "100"},
			"--queue-events must be at least --max-events", usageCode,
		},
		{
			"a database URL that is none",
			[]string{"--listen", freeAddress(t), "--database-url", "postgres://nobody@127.0.0.1:99999/x"},
			"--database-url (DATABASE_URL): ", usageCode,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := launch(t, binary(t, "ingest"), c.flags...)
			code, stderr := p.wait(), p.said(p.stderr)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "ingest: ") || !strings.Contains(stderr, c.says) {
				t.Errorf("want one line that begins with ingest: and says %q, got\n%s", c.says, stderr)
			}
			if out := p.said(p.stdout); out != "" {
				t.Errorf("on stdout: %s", out)
			}
			t.Logf("exit code %d: %s", code, stderr)
		})
	}
	if a := i.publishBytes(events(1, 1, 1)); a.status != 200 {
		t.Errorf("the running ingester answers %v", a)
	}
	i.stop(t)
}

// usageCode is what the command line's parser exits with.
const usageCode = 80

// TestUnloggedTablesAreRefused as well: after a crash they are empty.
func TestUnloggedTablesAreRefused(t *testing.T) {
	server := pgtest.DurableWith(t, nil)
	startIngester(t, "--database-url", server.URL()).stop(t)
	pgtest.Exec(t, pgtest.Client(t, server.URL()), "ALTER TABLE ingot.events SET UNLOGGED")
	refusedUntilAllowed(t, server.URL(), "unlogged tables ingot.events: ALTER TABLE .. SET LOGGED")
}

// TestUnsafeDurabilityIsRefused: a database that may lose what it has acknowledged is
// used only by whoever says so.
func TestUnsafeDurabilityIsRefused(t *testing.T) {
	for _, setting := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		t.Run(setting, func(t *testing.T) {
			server := pgtest.DurableWith(t, map[string]string{setting: "off"})
			refusedUntilAllowed(t, server.URL(), "this database may lose acknowledged events in a crash")
		})
	}
}

// refusedUntilAllowed: an ingester does not start on a database that is not durable, and warns when it may.
func refusedUntilAllowed(t *testing.T, url, says string) {
	t.Helper()
	p := launch(t, binary(t, "ingest"), "--listen", freeAddress(t), "--database-url", url)
	if code := p.wait(); code != 1 || !strings.Contains(p.said(p.stderr), says) {
		t.Errorf("exit code %d: %s", code, p.said(p.stderr))
	}
	i := startIngester(t, "--database-url", url, "--allow-unsafe-durability")
	await(t, "the warning", func() bool {
		return i.logged("this database may lose acknowledged events when its machine crashes")
	})
	i.stop(t)
}
