package localpg

import (
	"cmp"
	"time"
)

// Options say where the data lie and how long each step may take. Only DataDir is required.
type Options struct {
	// DataDir is the folder for the data, made if it is missing. Root may get another one: see Server.DataDir.
	DataDir string

	// BinDirs are folders in which postgres and initdb are looked for, besides the usual places.
	BinDirs []string

	// Began, if set, is called by Start once the folder belongs to this process. What follows may take seconds, if the
	// data have to be made, or minutes, if the server has to recover.
	Began func()

	// NoFsync trades the data's safety for speed: it switches fsync, full_page_writes and synchronous_commit off.
	// It is for unit tests, whose data nobody wants back.
	NoFsync bool

	// Settings are passed to the server as they are, and override those that this package chooses.
	Settings map[string]string

	// StartTimeout bounds one start; during crash recovery, the time in which the server says nothing about it.
	// Default 5 minutes (a guess): recovery says something every 10 s, but the checkpoint at its end says nothing.
	StartTimeout time.Duration

	// StopTimeout bounds a fast shutdown, which writes a checkpoint. A server that takes longer is told to stop at
	// once, and recovers at its next start. Default 20 s.
	StopTimeout time.Duration

	// HandoverTimeout bounds the wait for an older server on the same folder that is still
	// stopping, and for the backends of one that was killed. Default 10 s.
	HandoverTimeout time.Duration
}

func (o Options) withDefaults() Options {
	o.StartTimeout = cmp.Or(o.StartTimeout, 5*time.Minute)
	o.StopTimeout = cmp.Or(o.StopTimeout, 20*time.Second)
	o.HandoverTimeout = cmp.Or(o.HandoverTimeout, 10*time.Second)
	return o
}
