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

// quitTimeout bounds an immediate shutdown: the postmaster itself gives its backends 5 s.
const quitTimeout = 10 * time.Second

// Stop ends the server and gives the folder free. A fast shutdown, which disconnects clients, rolls
// back and writes a checkpoint, has until Options.StopTimeout or the end of ctx; then the server is
// dropped at once, loses nothing committed, and recovers at its next start: Stop tells by an error.
// Called again, or by several, it waits for the first and returns what that did.
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

// leaveFolder sees off what a killed server has left, since the folder is promised to be free. One that was moved away
// may have another's server in its place, and on its socket.
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

// halt returns when p has ended, and says whether it did so in good order.
func (c *cluster) halt(ctx context.Context, p *subprocess.Process, patience time.Duration) bool {
	if p.Ended() {
		return true
	}
	p.Signal(syscall.SIGINT)
	if p.EndsWithin(ctx, patience) {
		return true
	}
	p.Signal(syscall.SIGQUIT)
	if !p.EndsWithin(context.Background(), quitTimeout) {
		p.Signal(syscall.SIGKILL)
		<-p.Done()
	}
	return false
}

// Kill is the crash of crash tests: SIGKILL for the postmaster, gone when Kill returns. Its backends
// may live on for a moment; Restart, and Stop before a new Start, see them off. The folder stays
// locked until Stop.
func (s *Server) Kill() {
	p := s.current()
	p.Signal(syscall.SIGKILL)
	<-p.Done()
}
