package torture

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"ingot/internal/localpg"
)

// dumpAndRestore makes a server in another folder of what pg_dump says of one.
func dumpAndRestore(t *testing.T, from *localpg.Server, folder string) *localpg.Server {
	t.Helper()
	found, err := localpg.Find()
	if err != nil {
		t.Fatal(err)
	}
	dump := filepath.Join(found.Dir, "pg_dump")
	if _, err := os.Stat(dump); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("there is no %s: this Postgres came without its clients; the cold copy shows the same", dump)
	}
	file := filepath.Join(t.TempDir(), "dump")
	run(t, dump, "--format=custom", "--file="+file, from.URL())
	to := startServer(t, folder, nil)
	run(t, filepath.Join(found.Dir, "pg_restore"), "--exit-on-error", "--dbname="+to.URL(), file)
	return to
}

// coldCopy stops the server for the time of a copy of its files.
func coldCopy(t *testing.T, from *localpg.Server, folder string) *localpg.Server {
	t.Helper()
	if err := syscall.Kill(from.PID(), syscall.SIGINT); err != nil { // Stop would be for good
		t.Fatal(err)
	}
	<-from.Done()
	run(t, "cp", "-a", from.DataDir(), folder)
	if err := from.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	return startServer(t, folder, nil)
}

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	p := launch(t, program, args...)
	if code := p.wait(); code != 0 {
		t.Fatalf("%s: exit code %d\n%s", program, code, p.said(p.stderr))
	}
}
