package subprocess

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAChildDoesNotOutliveItsParent that is killed: it gets the signal that was chosen.
func TestAChildDoesNotOutliveItsParent(t *testing.T) {
	t.Parallel()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := out.SetReadDeadline(time.Now().Add(time.Minute)); err != nil { // many times what it takes
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stdout = append(os.Environ(), asParent+"=1"), in
	p, err := Start(cmd, syscall.SIGKILL)
	_ = in.Close()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	var child int
	_, err = fmt.Fscanln(lines, &child)
	p.Signal(syscall.SIGKILL)
	<-p.Done()
	if err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(lines); err != nil || strings.TrimSpace(string(said)) != "told" {
		t.Errorf("the child said %q: %v", said, err)
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
}
