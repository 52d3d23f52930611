package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"ingot/internal/subprocess"
)

// quitTimeout bounds an immediate shutdown. The postmaster itself gives its backends 5 s.
const quitTimeout = 10 * time.Second

// Stop ends the server and frees the folder. It begins with a fast shutdown, which disconnects clients, rolls back,
// and writes a checkpoint. That has until Options.StopTimeout or the end of ctx. Then the server is ended at once:
// it loses nothing committed, but recovers at its next start, which Stop tells by an error. If Stop is called
// again, or by several goroutines, each call waits for the first and returns its result.
func (s *Server) Stop(ctx context.Context) error {
	s.callStop()
	s.lifecycle.Lock()
	defer s.lifecycle.Unlock()
	if !s.stopped {
		s.stopped = true
		s.stopErr = s.stop(ctx)
	}
	return s.stopErr
}

func (s *Server) stop(ctx context.Context) error {
	var errs []error
	p := s.current()
	if !s.cluster.halt(ctx, p, s.cluster.opts.StopTimeout) {
		errs = append(errs, fmt.Errorf("stop postgres (pid %d): a fast shutdown took too long, it will recover at its next start", p.PID()))
	}
	errs = append(errs, s.leaveFolder())
	return errors.Join(append(errs, s.lock.release())...)
}

// leaveFolder ends and removes what a killed server has left, since Stop promises that the folder is free. It
// touches nothing if the folder was moved away: another process's server may be in its place by now, and use its
// socket.
func (s *Server) leaveFolder() error {
	if err := s.lock.stillIn(s.cluster.home); err != nil {
		return err
	}
	err := s.cluster.takeOver(context.Background(), time.Now().Add(s.cluster.opts.HandoverTimeout))
	if failed := os.RemoveAll(s.cluster.socket); failed != nil {
		err = errors.Join(err, fmt.Errorf("remove socket folder: %w", failed))
	}
	return err
}

// halt returns when p has ended, and says whether p ended in good order.
func (c *cluster) halt(ctx context.Context, p *subprocess.Process, patience time.Duration) bool {
	if p.Ended() {
		return true
	}
	p.Signal(syscall.SIGINT)
	c.resume(p.PID())
	if p.EndsWithin(ctx, patience) {
		return true
	}
	p.Signal(syscall.SIGQUIT)
	c.resume(p.PID())
	if !p.EndsWithin(context.Background(), quitTimeout) {
		p.Signal(syscall.SIGKILL)
		<-p.Done()
	}
	return false
}

// resume has a postmaster that was told to end go on, and its backends, if somebody has stopped them (SIGSTOP): a
// stopped process does not see what it was sent. systemd does likewise behind its signals.
func (c *cluster) resume(postmaster int) {
	for _, pid := range append(backends(c.path), postmaster) {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// Kill is for crash tests: it sends the postmaster SIGKILL, and returns when the postmaster is gone. Its backends
// may live on for a moment; Restart ends them first, and so does Stop. The folder stays locked until Stop.
func (s *Server) Kill() {
	p := s.current()
	p.Signal(syscall.SIGKILL)
	<-p.Done()
}
