package localpg

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"ingot/internal/buildtest"
)

// child is this test binary as a process that owns a server.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	pg  int
	url string
}

func startChild(t *testing.T, program, dir string, cred *syscall.Credential) *child {
	t.Helper()
	c := launchChild(t, program, dir, cred)
	if _, err := fmt.Sscanf(c.read(t), "ready %d %s", &c.pg, &c.url); err != nil {
		t.Fatalf("child is not ready: %s", c.out.Text())
	}
	return c
}

func launchChild(t *testing.T, program, dir string, cred *syscall.Credential) *child {
	t.Helper()
	c := &child{cmd: exec.Command(program)}
	c.cmd.Env = append(os.Environ(), helperEnv+"="+dir, fetchedEnv+"="+projects()[0])
	c.cmd.Dir = "/" // where a fetched Postgres would not be found
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: cred, Pdeathsig: syscall.SIGKILL}
	var err error
	c.in, err = c.cmd.StdinPipe()
	check(t, err)
	out, err := c.cmd.StdoutPipe()
	check(t, err)
	c.out = bufio.NewScanner(out)
	check(t, c.cmd.Start())
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	})
	return c
}

func (c *child) read(t *testing.T) string {
	t.Helper()
	if !c.out.Scan() {
		t.Fatalf("child said nothing: %v", c.out.Err())
	}
	return c.out.Text()
}

func (c *child) ask(t *testing.T, question string) string {
	t.Helper()
	_, err := io.WriteString(c.in, question+"\n")
	check(t, err)
	return c.read(t)
}

func thisBinary(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	check(t, err)
	return path
}

func copyFile(t *testing.T, from, to string) string {
	t.Helper()
	b, err := os.ReadFile(from)
	check(t, err)
	check(t, buildtest.Write(to, b))
	return to
}
