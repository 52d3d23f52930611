package localpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestAShutdownThatStandsStillIsEnded: a server that is told to stop while it starts over, as it does when a backend was
// killed, waits for its checkpointer for ever.
func TestAShutdownThatStandsStillIsEnded(t *testing.T) {
	t.Parallel()
	opts := Options{DataDir: dataDir(t), StopTimeout: hang} // with fsync: it looks at all files before it begins to recover
	srv, err := Start(testContext(t), opts)
	check(t, err)
	conn, err := pgx.Connect(testContext(t), srv.URL())
	check(t, err)
	check(t, syscall.Kill(int(conn.PgConn().PID()), syscall.SIGKILL))
	startup := awaitTitle(t, srv, ": startup")
	check(t, syscall.Kill(startup, syscall.SIGSTOP)) // until Stop lets it go on
	awaitTitle(t, srv, ": checkpointer")
	begun := time.Now()
	if err := srv.Stop(context.Background()); !errors.Is(err, errStoodStill) || time.Since(begun) > hang/2 {
		t.Errorf("stopped after %v with %v", time.Since(begun), err)
	}
	_ = conn.Close(testContext(t))
	start(t, Options{DataDir: opts.DataDir, NoFsync: true})
}

// awaitTitle is a process of the server that calls itself so.
func awaitTitle(t *testing.T, srv *Server, title string) int {
	t.Helper()
	ctx := testContext(t)
	for {
		for _, pid := range backends(srv.cluster.path) {
			if b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); bytes.Contains(b, []byte(title)) {
				return pid
			}
		}
		check(t, pause(ctx, time.Millisecond))
	}
}
