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

// A fast shutdown stands still when for stillFor nothing is left of the server but a checkpointer that does nothing.
// Both numbers are guesses: one that writes is not asleep for so long.
const (
	stillFor    = 5 * time.Second
	stillPeriod = 500 * time.Millisecond
)

// How a fast shutdown did not end.
var (
	errTooSlow    = errors.New("a fast shutdown took too long")
	errStoodStill = errors.New("a fast shutdown made no progress, as happens right after one of its processes has crashed (is its disk full?)")
)

// Stop ends the server and frees the folder. It begins with a fast shutdown, which disconnects clients, rolls back,
// and writes a checkpoint. That has until Options.StopTimeout or the end of ctx, or until it stands still. Then the
// server is ended at once: it loses nothing committed, but recovers at its next start, which Stop tells by an error. If
// Stop is called again, or by several goroutines, each call waits for the first and returns its result.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		s.callStop()
		s.lifecycle.Lock()
		defer s.lifecycle.Unlock()
		s.stopErr = s.stop(ctx)
	})
	return s.stopErr
}

func (s *Server) stop(ctx context.Context) error {
	var errs []error
	p := s.current()
	if err := s.cluster.halt(ctx, p, s.cluster.opts.StopTimeout); err != nil {
		errs = append(errs, fmt.Errorf("stop postgres (pid %d): %w: it will recover at its next start", p.PID(), err))
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

// halt returns when p has ended. The error says why that was not in good order.
func (c *cluster) halt(ctx context.Context, p *subprocess.Process, patience time.Duration) error {
	if p.Ended() {
		return nil
	}
	err := c.endFast(ctx, p, patience)
	if err != nil {
		c.endAtOnce(p)
	}
	return err
}

// endFast tells p to shut down fast, and waits for that, unless it takes too long or stands still. It stands still, for
// ever, if the server was told while it starts over, after a backend was killed or has panicked, as one does on a full
// disk: then it waits for the checkpointer, which nobody has told to end (seen with Postgres 15 to 18). If endFast returns
// an error, p may still be there.
func (c *cluster) endFast(ctx context.Context, p *subprocess.Process, patience time.Duration) error {
	p.Signal(syscall.SIGINT)
	c.resume(p.PID())
	end, since, last := time.Now().Add(patience), time.Now(), int64(-1)
	for {
		if p.EndsWithin(ctx, min(stillPeriod, time.Until(end))) {
			return nil
		}
		if ctx.Err() != nil || !time.Now().Before(end) {
			return errTooSlow
		}
		if used := checkpointerAsleep(c.path, p.PID()); used < 0 || used != last {
			last, since = used, time.Now()
		}
		if time.Since(since) >= stillFor {
			return errStoodStill
		}
	}
}

// endAtOnce returns when p has ended.
func (c *cluster) endAtOnce(p *subprocess.Process) {
	p.Signal(syscall.SIGQUIT)
	c.resume(p.PID())
	if !p.EndsWithin(context.Background(), quitTimeout) {
		p.Signal(syscall.SIGKILL)
		<-p.Done()
	}
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
