package subprocess

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAChildIsReaped(t *testing.T) {
	t.Parallel()
	p, err := Start(exec.Command("sh", "-c", "exit 3"), syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if exit, ok := errors.AsType[*exec.ExitError](p.Err()); !ok || exit.ExitCode() != 3 || !p.Ended() {
		t.Errorf("%v, ended: %t", p.Err(), p.Ended())
	}
	if err := syscall.Kill(p.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it is still there: %v", err)
	}
	p.Signal(syscall.SIGKILL) // hits nobody
}

func TestAChildThatLives(t *testing.T) {
	t.Parallel()
	p, err := Start(exec.Command("sleep", "1000"), syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	if group, err := syscall.Getpgid(p.PID()); err != nil || group != p.PID() {
		t.Errorf("group %d of %d, %v", group, p.PID(), err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if p.Ended() || p.EndsWithin(t.Context(), time.Millisecond) || p.EndsWithin(over, time.Hour) {
		t.Error("it has ended by itself")
	}
	p.Signal(syscall.SIGTERM)
	if !p.EndsWithin(t.Context(), time.Minute) || p.Err() == nil {
		t.Errorf("ended: %t, %v", p.Ended(), p.Err())
	}
}

// TestASessionOfItsOwn is asked for: what the caller has set stays, and the first of a session leads its group.
func TestASessionOfItsOwn(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p, err := Start(cmd, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	if session, err := unix.Getsid(p.PID()); err != nil || session != p.PID() {
		t.Errorf("session %d of %d, %v", session, p.PID(), err)
	}
	p.Signal(syscall.SIGKILL)
	<-p.Done()
}

func TestWhatCannotStartSaysSo(t *testing.T) {
	t.Parallel()
	if p, err := Start(exec.Command("/nowhere"), syscall.SIGKILL); err == nil {
		t.Errorf("started %v", p.Cmd)
	}
}
