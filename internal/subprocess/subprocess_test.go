package subprocess

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

func TestAChildIsReaped(t *testing.T) {
	t.Parallel()
	p, err := Start(exec.Command("sh", "-c", "exit 3"), syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	var exit *exec.ExitError
	if !errors.As(p.Err(), &exit) || exit.ExitCode() != 3 || !p.Ended() {
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

func TestWhatCannotStartSaysSo(t *testing.T) {
	t.Parallel()
	if p, err := Start(exec.Command("/nowhere"), syscall.SIGKILL); err == nil {
		t.Errorf("started %v", p.Cmd)
	}
}
