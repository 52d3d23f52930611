package localpg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"ingot/internal/subprocess"
)

// cluster is one set of data, the binaries that can open it, and all else it takes to start a server on it.
type cluster struct {
	home   home
	bin    Binaries
	path   string // <data>/<major>
	socket string // folder of the socket
	opts   Options
	made   bool // this process made the data: there were none
}

// openCluster finds the cluster in a home whose lock is held, or makes one.
func openCluster(ctx context.Context, h home, opts Options) (cluster, error) {
	c := cluster{home: h, socket: socketFolder(h.dir), opts: opts}
	var err error
	if c.bin, err = chooseBinaries(h, opts.BinDirs); err != nil {
		return c, err
	}
	c.path = clusterPath(h.dir, c.bin.Major)
	if _, err := os.Stat(c.path); err != nil {
		c.made = true
		return c, c.initialize(ctx)
	}
	return c, h.owner.giveAll(c.path)
}

// chooseBinaries takes the newest Postgres only if there is no cluster yet. Otherwise the data decide: they need
// binaries of their own major.
func chooseBinaries(h home, binDirs []string) (Binaries, error) {
	majors, err := clusters(h.dir)
	if err != nil {
		return Binaries{}, err
	}
	f := newFinder(binDirs, h.owner)
	if len(majors) == 0 {
		return f.newest()
	}
	path := clusterPath(h.dir, majors[0])
	if _, err := os.Stat(filepath.Join(path, "PG_VERSION")); err != nil {
		return Binaries{}, fmt.Errorf("%s is not a Postgres cluster that user %s can open: %w", path, userName(os.Geteuid()), err)
	}
	return f.major(majors[0], path)
}

// start returns a server that answers. A server may give up because backends of a killed predecessor still hold the
// shared memory; then start tries again, within HandoverTimeout.
func (c *cluster) start(ctx context.Context) (*subprocess.Process, error) {
	deadline := time.Now().Add(c.opts.HandoverTimeout)
	if err := c.takeOver(ctx, deadline); err != nil {
		return nil, err
	}
	if err := makeSocketFolder(c.socket, c.home.owner); err != nil {
		return nil, err
	}
	if err := removeStaleLock(c.socket); err != nil {
		return nil, err
	}
	for {
		p, err := c.startOnce(ctx)
		if err == nil || !errors.Is(err, errOccupied) || time.Now().After(deadline) {
			return p, err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func (c *cluster) startOnce(ctx context.Context) (*subprocess.Process, error) {
	log, err := openLog(c.logPath(), c.home.owner)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.file.Close() }()
	args, err := c.arguments(ctx)
	if err != nil {
		return nil, err
	}
	cmd := c.home.owner.command(c.bin.program("postgres"), args...)
	cmd.Stdout, cmd.Stderr = log.file, log.file
	p, err := subprocess.Start(cmd, syscall.SIGINT) // if this process dies: a fast shutdown
	if err != nil {
		return nil, fmt.Errorf("run postgres: %w", err)
	}
	if err := c.awaitReady(ctx, p, log); err != nil {
		_ = c.halt(context.Background(), p, 0)
		return nil, log.explain(err)
	}
	return p, nil
}

// awaitReady polls the file that the server writes its state into (postmaster.pid), as pg_ctl does. Whenever the
// server says how far its recovery has come, it is given StartTimeout anew: a recovery that is broken off begins at
// the same place next time, and would never get further.
func (c *cluster) awaitReady(ctx context.Context, p *subprocess.Process, log *serverLog) error {
	tick, limit := time.NewTicker(5*time.Millisecond), time.NewTimer(c.opts.StartTimeout)
	defer tick.Stop()
	defer limit.Stop()
	for {
		if f := readPidfile(pidfilePath(c.path)); f.pid == p.PID() && f.ready {
			return nil
		}
		select {
		case <-tick.C:
			if log.recovers() {
				limit.Reset(c.opts.StartTimeout)
			}
		case <-limit.C:
			return fmt.Errorf("wait for postgres to answer: %w", context.DeadlineExceeded)
		case <-p.Done():
			return fmt.Errorf("start postgres: %w", ending(p))
		case <-ctx.Done():
			return fmt.Errorf("wait for postgres to answer: %w", ctx.Err())
		}
	}
}

func (c *cluster) arguments(ctx context.Context) ([]string, error) {
	settings, err := c.settings(ctx)
	if err != nil {
		return nil, err
	}
	args := []string{"-D", c.path}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args, nil
}

func (c *cluster) logPath() string { return filepath.Join(c.home.dir, "postgres.log") }

func (b Binaries) program(name string) string { return filepath.Join(b.Dir, name) }

func ending(p *subprocess.Process) error {
	return fmt.Errorf("postgres (pid %d) ended: %w", p.PID(), cmp.Or(p.Err(), errors.New("exit status 0")))
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
