package localpg

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	mib = 1 << 20
	gib = 1 << 30

	mostBuffers = 8 * gib
)

// settings are passed on the command line, so that every start fits them to the machine as it is then.
func (c *cluster) settings(ctx context.Context) (map[string]string, error) {
	durability, err := c.durability(ctx)
	if err != nil {
		return nil, err
	}
	s := map[string]string{
		"listen_addresses":         "",
		"port":                     port,
		"unix_socket_directories":  c.socket,
		"unix_socket_permissions":  "0700",
		"max_connections":          "100",
		"cluster_name":             "ingot", // shown by ps, to tell this server from the machine's own
		"logging_collector":        "off",   // the output goes to our file, and its last lines into our errors
		"log_min_error_statement":  "panic", // statements carry what users sent; the client has the error
		"log_parameter_max_length": "0",     // likewise, should somebody log statements
		"timezone":                 "UTC",
		"log_timezone":             "UTC",
		"jit":                      "off", // compiling costs more than any statement of ours
		"random_page_cost":         "1.1", // an SSD

		"auto_explain.log_parameter_max_length": "0",   // as above, should somebody log plans: from 16 on they have parameters
		"log_startup_progress_interval":         "10s", // the default; awaitReady relies on it
	}
	maps.Copy(s, memorySettings(machineMemory()))
	maps.Copy(s, logSettings(freeDisk(c.path)))
	maps.Copy(s, durability)
	if c.recoversFromArchive() {
		s["hot_standby"] = "off"
	}
	maps.Copy(s, c.opts.Settings)
	return s, nil
}

// recoversFromArchive tells whether the server is to recover to some moment, as the data of a base backup are. With
// hot_standby it would answer on the way there, and whoever saw that it takes no rows would end it.
func (c *cluster) recoversFromArchive() bool {
	return c.has("recovery.signal") && !c.has("standby.signal") // with both it is a standby
}

func (c *cluster) has(name string) bool {
	_, err := os.Stat(filepath.Join(c.path, name))
	return err == nil
}

// memorySettings leave most of the machine's memory to its page cache and to the ingester. A quarter for shared_buffers is what
// Postgres' manual begins with, and a table whose primary key fits in there is written to at nearly the speed of an empty one
// (docs/decisions/0042). More than mostBuffers would take long to write out at a stop (a guess).
func memorySettings(memory uint64) map[string]string {
	if memory == 0 {
		memory = 2 * gib // unknown: assume little
	}
	return map[string]string{
		"shared_buffers":       megabytes(clamp(memory/4, 32*mib, mostBuffers)),
		"effective_cache_size": megabytes(clamp(memory/2, 64*mib, 64*gib)),
		"maintenance_work_mem": megabytes(clamp(memory/32, 32*mib, 512*mib)),
		"work_mem":             "16MB",
	}
}

// logSettings are those of the write-ahead log. They make checkpoints rare: after each, every page that is changed
// goes into the log whole the first time.
func logSettings(free uint64) map[string]string {
	largest := clamp(free/8, 256*mib, 8*gib)
	return map[string]string{
		"max_wal_size":                 megabytes(largest),
		"min_wal_size":                 megabytes(clamp(largest/4, 80*mib, 1*gib)),
		"checkpoint_timeout":           "15min",
		"checkpoint_completion_target": "0.9",
	}
}

func (c *cluster) durability(ctx context.Context) (map[string]string, error) {
	if c.opts.NoFsync {
		return map[string]string{"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}, nil
	}
	compression, err := c.walCompression(ctx)
	return map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on",
		"wal_compression": compression,
	}, err
}

// walCompression is lz4 if the server was built with it, or else off. Every server has pglz, but it costs the
// committer more time than the saved bytes are worth (a guess).
func (c *cluster) walCompression(ctx context.Context) (string, error) {
	ctx, cancel := answerWithin(ctx, min(probeTimeout, c.opts.StartTimeout))
	defer cancel()
	err := c.runQuietly(ctx, "", "postgres", "-D", c.path, "-C", "wal_compression", "-c", "wal_compression=lz4")
	switch {
	case err == nil:
		return "lz4", nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("ask for wal_compression: %w", err)
	}
	return "off", nil
}

func freeDisk(dir string) uint64 {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0
	}
	return uint64(st.Bavail) * uint64(st.Bsize)
}

func clamp(n, least, most uint64) uint64 { return max(least, min(n, most)) }

func megabytes(n uint64) string { return fmt.Sprintf("%dMB", n/mib) }
