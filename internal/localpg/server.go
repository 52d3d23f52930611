package localpg

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"ingot/internal/subprocess"
)

// errStopped is the answer of Restart once Stop was called.
var errStopped = errors.New("the server was stopped")

// Server is a running private Postgres. Its methods may be called from many goroutines.
type Server struct {
	cluster cluster
	lock    *folderLock

	stopping  context.Context // done when Stop is called, to cut a Restart short
	callStop  context.CancelFunc
	lifecycle sync.Mutex // held by the one Restart or Stop that is under way
	stopOnce  sync.Once
	stopErr   error // set by stopOnce

	mu      sync.Mutex          // guards process
	process *subprocess.Process // the latest postmaster; it may have ended
}

// Start returns when the server answers. ctx bounds the start only, and so does Options.StartTimeout unless a
// recovery goes on; the server lives until Stop. errors.Is(err, ErrNoBinaries) tells that Postgres must be
// installed.
func Start(ctx context.Context, opts Options) (*Server, error) {
	h, err := openHome(opts.DataDir)
	if err != nil {
		return nil, err
	}
	lock, err := lockFolder(h)
	if err != nil {
		return nil, err
	}
	if opts.Began != nil {
		opts.Began()
	}
	s, err := startLocked(ctx, h, opts.withDefaults())
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	s.lock = lock
	return s, nil
}

func startLocked(ctx context.Context, h home, opts Options) (*Server, error) {
	c, err := openCluster(ctx, h, opts)
	if err != nil {
		return nil, err
	}
	p, err := c.start(ctx)
	if err != nil {
		removeSocketFolder(c.socket, h.owner)
		return nil, err
	}
	s := &Server{cluster: c, process: p}
	s.stopping, s.callStop = context.WithCancel(context.Background())
	return s, nil
}

// URL is the connection URL for pgx.Connect. It stays the same over restarts, and for the next process on the same
// data folder.
func (s *Server) URL() string { return socketURL(s.cluster.socket) }

// UID is the user that the server runs as.
func (s *Server) UID() int { return s.cluster.home.owner.uid }

// DataDir is the absolute path of the folder in use. Under root it may be another folder than the one asked for:
// see Notice.
func (s *Server) DataDir() string { return s.cluster.home.dir }

// Notice is one line for the log if the data are not where Options asked for, or else empty.
func (s *Server) Notice() string { return s.cluster.home.notice }

// Made tells that there were no data in the folder, and that new data were made. If there should have been some,
// this is the wrong folder, or its disk is not mounted.
func (s *Server) Made() bool { return s.cluster.made }

// Version is the server's own: 15.18.
func (s *Server) Version() string { return s.cluster.bin.Version }

// LogPath is the file with the server's messages.
func (s *Server) LogPath() string { return s.cluster.logPath() }

// PID is the process id of the postmaster, or, if that has ended, of the last one.
func (s *Server) PID() int { return s.current().PID() }

// Done is closed when the current postmaster has ended. After a Restart it is another channel.
func (s *Server) Done() <-chan struct{} { return s.current().Done() }

// Err says how the postmaster ended by itself. It is nil while the postmaster runs, and after Stop was called.
func (s *Server) Err() error {
	p := s.current()
	if !p.Ended() || s.stopping.Err() != nil {
		return nil
	}
	return ending(p)
}

func (s *Server) current() *subprocess.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process
}

// Restart brings the server back after its postmaster has ended; if the postmaster runs it does nothing. First it
// ends backends that have outlived the postmaster. It is bounded by ctx, by Options.HandoverTimeout and
// StartTimeout, and by a call of Stop.
func (s *Server) Restart(ctx context.Context) error {
	s.lifecycle.Lock()
	defer s.lifecycle.Unlock()
	if s.stopping.Err() != nil {
		return errStopped
	}
	if !s.current().Ended() {
		return nil
	}
	if err := s.lock.stillIn(s.cluster.home); err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	p, err := s.cluster.start(ctx)
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = p
	return nil
}
