package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"ingot/internal/subprocess"
)

const (
	firstPause   = 100 * time.Millisecond
	maxPause     = 10 * time.Second // a full disk is freed by hand, so there is no hurry
	steadyTime   = 30 * time.Second // a server that ran for so long did not end because of its start
	socketPeriod = 2 * time.Second  // how often the socket is looked for (a guess)
)

// Incident is one attempt to bring the server back.
type Incident struct {
	Cause   error         // how the postmaster ended
	Attempt int           // 1 for the first attempt after this end
	Down    time.Duration // time since the end was seen
	Err     error         // nil: the server is back
}

// errNoSocket is the cause of an end that awaitEnd itself brought about, since nobody could connect any more.
var errNoSocket = errors.New("its socket was removed, so it was told to stop")

// Supervise restarts the server each time its postmaster ends by itself. It also restarts a server that lacks its
// socket, as after somebody has cleaned /tmp: only a new server makes a new socket. The old one has
// Options.StopTimeout to stop in order, and is then ended at once. Supervise returns when ctx ends or Stop is called. It
// starts nothing else and stops nothing else: the caller runs it in a goroutine, waits for that, and calls Stop.
//
// Pauses between attempts grow to 10 s, and Supervise never gives up: the reason may pass, and meanwhile callers
// answer 503. It calls report after each attempt, from its own goroutine.
func (s *Server) Supervise(ctx context.Context, report func(Incident)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	var wait time.Duration
	for s.stopping.Err() == nil {
		since := time.Now()
		cause := s.awaitEnd(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(since) > steadyTime {
			wait = 0
		}
		wait = s.revive(ctx, cause, wait, report)
	}
}

// awaitEnd waits until the postmaster ends, and says how it did. It ends a postmaster whose socket is gone.
func (s *Server) awaitEnd(ctx context.Context) (cause error) {
	tick := time.NewTicker(socketPeriod)
	defer tick.Stop()
	p := s.current()
	for {
		select {
		case <-p.Done():
			return s.Err()
		case <-tick.C:
			if _, err := os.Lstat(socketFile(s.cluster.socket)); errors.Is(err, fs.ErrNotExist) {
				return s.endUnreachable(ctx, p)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// endUnreachable ends a postmaster without a socket, within Options.StopTimeout and quitTimeout. When ctx ends meanwhile,
// the rest is left to Stop, which has a patience of its own.
func (s *Server) endUnreachable(ctx context.Context, p *subprocess.Process) error {
	err := s.cluster.endFast(ctx, p, s.cluster.opts.StopTimeout)
	if err == nil || ctx.Err() != nil {
		return errNoSocket
	}
	s.cluster.endAtOnce(p)
	return fmt.Errorf("%w: %w", errNoSocket, err)
}

// revive restarts the server, until an attempt succeeds. It begins with the pause wait, and returns the pause to
// begin with if the server should end again soon.
func (s *Server) revive(ctx context.Context, cause error, wait time.Duration, report func(Incident)) time.Duration {
	seen := time.Now()
	for attempt := 1; pause(ctx, wait) == nil; attempt++ {
		err := s.Restart(ctx)
		if ctx.Err() != nil || errors.Is(err, errStopped) {
			break
		}
		wait = min(max(2*wait, firstPause), maxPause)
		report(Incident{Cause: cause, Attempt: attempt, Down: time.Since(seen), Err: err})
		if err == nil {
			break
		}
	}
	return wait
}
