package localpg

import "time"

// Options say where the data lie and how long each step may take. Only DataDir is required.
type Options struct {
	// DataDir is the folder for the data, made if it is missing. See Server.DataDir.
	DataDir string

	// BinDirs are folders to look for postgres and initdb in, besides the usual places.
	BinDirs []string

	// NoFsync trades the data's safety for speed: fsync, full_page_writes and synchronous_commit
	// off. For unit tests, whose data nobody wants back.
	NoFsync bool

	// Settings go to the server as they are, over the ones chosen by this package.
	Settings map[string]string

	// StartTimeout bounds one start, or, in crash recovery, the time in which the server says nothing of it. Default 5 minutes
	// (a guess): recovery says something every 10 s, and the checkpoint at its end nothing.
	StartTimeout time.Duration

	// StopTimeout bounds a fast shutdown, which writes a checkpoint. After it the server is told
	// to stop at once and recovers at its next start. Default 20 s.
	StopTimeout time.Duration

	// HandoverTimeout bounds the wait for an older server on the same folder that is still
	// stopping, and for the backends of one that was killed. Default 10 s.
	HandoverTimeout time.Duration
}

func (o Options) withDefaults() Options {
	o.StartTimeout = orDefault(o.StartTimeout, 5*time.Minute)
	o.StopTimeout = orDefault(o.StopTimeout, 20*time.Second)
	o.HandoverTimeout = orDefault(o.HandoverTimeout, 10*time.Second)
	return o
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
