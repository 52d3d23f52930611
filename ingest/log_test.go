package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"ingot/internal/pgtest"
	"ingot/internal/subprocess"
)

// asIngest makes the binary of the tests be the server: what signals do can be seen only on a process.
const asIngest = "INGOT_TEST_AS_INGEST"

// TestALogThatNobodyReads: Ctrl-C in ingest 2>&1 | tee log ends tee as well, and first. The server, whose log has
// no reader then, stops as it does otherwise, and its exit code is that of a clean stop.
func TestALogThatNobodyReads(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // many times what it takes
	t.Cleanup(cancel)
	server := exec.CommandContext(ctx, os.Args[0], "--listen=127.0.0.1:0", "--database-url="+pgtest.New(t), "--allow-unsafe-durability")
	subprocess.DieWithParent(server, syscall.SIGKILL)
	server.Env = append(os.Environ(), asIngest+"=1")
	log, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	for listening := false; !listening && lines.Scan(); {
		listening = strings.Contains(lines.Text(), `"listening"`)
	}
	_ = log.Close() // whoever read it has gone
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
