package localpg

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ingot/internal/subprocess"
)

// unfinished is how the name of a cluster ends, as a pattern, while the cluster is being made.
const unfinished = ".init-*"

// initialize makes the cluster beside its place. When the cluster is whole, with its database in it, initialize
// moves it to its place. So a crash on the way leaves a folder that nothing takes for a cluster.
func (c *cluster) initialize(ctx context.Context) error {
	c.removeUnfinished(ctx)
	tmp, err := os.MkdirTemp(c.home.dir, strconv.Itoa(c.bin.Major)+unfinished)
	if err != nil {
		return fmt.Errorf("make cluster folder: %w", err)
	}
	if err := c.fill(ctx, tmp); err != nil {
		_ = os.RemoveAll(tmp)
		return err
	}
	if err := os.Rename(tmp, c.path); err != nil {
		return fmt.Errorf("move new cluster into place: %w", err)
	}
	return c.syncHome()
}

// removeUnfinished removes what earlier starts have left, as far as it can: a folder that it cannot remove is only
// garbage. A child of a killed initdb may still be writing there, so takeOver ends it first.
func (c *cluster) removeUnfinished(ctx context.Context) {
	deadline := time.Now().Add(c.opts.HandoverTimeout)
	left, _ := filepath.Glob(filepath.Join(c.home.dir, "*"+unfinished))
	for _, dir := range left {
		half := *c
		half.path = dir
		_ = half.takeOver(ctx, deadline)
		_ = os.RemoveAll(dir)
	}
}

// makeDatabase has one statement a line. With log_error_verbosity = terse the log lacks the DETAIL of errors, which
// has keys that users sent. The setting is the database's: a start that fails belongs to no database, and still
// logs its DETAIL.
const makeDatabase = "CREATE DATABASE " + roleName + "\n" +
	"ALTER DATABASE " + roleName + " SET log_error_verbosity = terse\n"

func (c *cluster) fill(ctx context.Context, dir string) error {
	if err := c.home.owner.give(dir); err != nil {
		return fmt.Errorf("give cluster folder to user %s: %w", c.home.owner.name, err)
	}
	if err := c.runQuietly(ctx, "", "initdb", c.initdbArguments(dir)...); err != nil {
		return err
	}
	// Without exit_on_error a failed statement would end in success.
	args := []string{"--single", "-D", dir, "-c", "exit_on_error=on"}
	if c.opts.NoFsync {
		args = append(args, "-F")
	}
	return c.runQuietly(ctx, makeDatabase, "postgres", append(args, "postgres")...)
}

// initdbArguments have the server trust everybody who reaches the socket, and nobody else. The socket lies in a
// folder that only the owner and root can enter.
func (c *cluster) initdbArguments(dir string) []string {
	args := []string{
		"-D", dir, "-U", roleName, "-E", "UTF8", "--locale=C",
		"--auth-local=trust", "--auth-host=reject", "--no-instructions",
	}
	if c.opts.NoFsync {
		args = append(args, "--no-sync")
	}
	return args
}

// runQuietly runs a program and keeps its output, the end of which becomes part of the error.
func (c *cluster) runQuietly(ctx context.Context, input, program string, args ...string) error {
	var out bytes.Buffer
	cmd := c.home.owner.command(c.bin.program(program), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &out
	if err := runToEnd(ctx, cmd); err != nil {
		return fmt.Errorf("run %s: %w%s", program, err, lastLines(out.String()))
	}
	return nil
}

// runToEnd runs initdb and the like. When ctx ends it kills the program with the program's own children. If this
// process dies the kernel kills the program, with SIGKILL: after a SIGINT initdb goes on for a while.
func runToEnd(ctx context.Context, cmd *exec.Cmd) error {
	cmd.WaitDelay = 5 * time.Second // a grandchild holding the output pipe must not hold us
	p, err := subprocess.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
		return p.Err()
	case <-ctx.Done():
		_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
		<-p.Done()
		return context.Cause(ctx)
	}
}

// syncHome makes the new name of the cluster survive a power cut.
func (c *cluster) syncHome() error {
	dir, err := os.Open(c.home.dir)
	if err != nil {
		return fmt.Errorf("sync data folder: %w", err)
	}
	defer func() { _ = dir.Close() }()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("sync data folder: %w", err)
	}
	return nil
}
