package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ingot/publisher/internal/ingottest"
)

// manyFiles are of one line each.
func manyFiles(t *testing.T, n int) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("%03d.log", i))
		if err := os.WriteFile(path, fmt.Appendf(nil, "line of %d\n", i), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// confined is a publisher that may have 64 files open.
func confined(t *testing.T, srv *ingottest.Server, args ...string) (p *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	p, stderr = process(t, srv, args...)
	p.Args = append([]string{"sh", "-c", `ulimit -n 64; exec "$@"`, "sh", p.Path}, args...)
	p.Path = "/bin/sh"
	return p, stderr
}

// TestMoreFilesThanCanBeOpen are all replayed, one after the other.
func TestMoreFilesThanCanBeOpen(t *testing.T) {
	t.Parallel()
	srv := &ingottest.Server{}
	p, stderr := confined(t, srv, append([]string{"replay"}, manyFiles(t, 200)...)...)
	out, err := p.Output()
	if exit := exitOf(t, err); exit != exitOK || srv.Rows() != 200 || !strings.Contains(string(out), "outcome    ok: every line is there") {
		t.Errorf("exit %d, %d rows\n%s%s", exit, srv.Rows(), out, stderr)
	}
}

// TestAFileThatMovesBeforeItsTurn is told where it could not be kept open, and what has its name now is not taken for it. The
// others are there.
func TestAFileThatMovesBeforeItsTurn(t *testing.T) {
	t.Parallel()
	paths := manyFiles(t, 200)
	gone, replaced := paths[198], paths[199]
	srv := &ingottest.Server{}
	srv.Keep = func(e ingottest.Event) []ingottest.Event {
		if e.Topic == "000" {
			for _, path := range []string{gone, replaced} {
				if err := os.Rename(path, path+".1"); err != nil {
					t.Error(err)
				}
			}
			if err := os.WriteFile(replaced, []byte("another line\n"), 0o600); err != nil {
				t.Error(err)
			}
		}
		return []ingottest.Event{e}
	}
	p, stderr := confined(t, srv, append([]string{"replay", "--batch=1", "--concurrency=1"}, paths...)...)
	out, err := p.Output()
	if exit := exitOf(t, err); exit != exitBad || srv.Rows() != 198 ||
		!strings.Contains(string(out), gone+": no such file") || !strings.Contains(string(out), replaced+": another file has taken its name since the start") {
		t.Errorf("exit %d, %d rows\n%s%s", exit, srv.Rows(), out, stderr)
	}
}

// TestMoreFilesThanCanBeFollowed is told with what to do, before anything is sent.
func TestMoreFilesThanCanBeFollowed(t *testing.T) {
	t.Parallel()
	srv := &ingottest.Server{}
	p, stderr := confined(t, srv, append([]string{"replay", "--follow"}, manyFiles(t, 100)...)...)
	out, err := p.Output()
	// 64 less four connections and what is spare.
	if exit := exitOf(t, err); exit != exitBad || srv.Rows() > 0 || !strings.Contains(stderr.String(), "100 files are 72 more than this process may have open") {
		t.Errorf("exit %d, %d rows\n%s%s", exit, srv.Rows(), out, stderr)
	}
}

// TestMoreConnectionsThanCanBeOpen are refused with how many there may be, and so many do not want for files.
func TestMoreConnectionsThanCanBeOpen(t *testing.T) {
	t.Parallel()
	files := manyFiles(t, 100)
	for name, args := range map[string][]string{"simulate": {"simulate", "--events=200"}, "replay": append([]string{"replay", "--batch=1"}, files...)} {
		srv := &ingottest.Server{}
		p, stderr := confined(t, srv, append(args, "--concurrency=33")...)
		out, err := p.Output()
		if exit := exitOf(t, err); exit != exitUsage || srv.Rows() > 0 || len(out) > 0 || !strings.Contains(stderr.String(), "--concurrency: 33 connections are more than this process may have open: use at most 32, or raise the limit (ulimit -n, LimitNOFILE)") {
			t.Errorf("%s: exit %d, %d rows\n%s%s", name, exit, srv.Rows(), out, stderr)
		}
		p, stderr = confined(t, srv, append(args, "--concurrency=32")...)
		out, err = p.Output()
		if exit := exitOf(t, err); exit != exitOK || !strings.Contains(string(out), "retries                   0") {
			t.Errorf("%s with as many as there may be: exit %d\n%s%s", name, exit, out, stderr)
		}
	}
}
