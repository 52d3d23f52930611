package localpg

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	maxLogBytes   = 16 * mib // at a start; with statements kept out of it, that is months (a guess)
	maxErrorLines = 8
)

// errOccupied is a start refused because processes of an older server are still there.
var errOccupied = errors.New("an older server is still there")

// serverLog is the server's output, where this start begins in it, and up to where it was read for signs of recovery.
type serverLog struct {
	file        *os.File
	start, read int64
}

func openLog(path string, o owner) (*serverLog, error) {
	if info, err := os.Lstat(path); err == nil && info.Size() > maxLogBytes {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("rotate server log: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open server log: %w", err)
	}
	log := &serverLog{file: f}
	if err := log.prepare(o); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open server log: %w", err)
	}
	return log, nil
}

func (l *serverLog) prepare(o owner) error {
	if o.drop {
		if err := l.file.Chown(o.uid, o.gid); err != nil {
			return err
		}
	}
	info, err := l.file.Stat()
	if err == nil {
		l.start, l.read = info.Size(), info.Size()
	}
	return err
}

// recovers tells whether the server has said since it was last asked that its recovery goes on. It says so every
// log_startup_progress_interval.
func (l *serverLog) recovers() bool {
	info, err := l.file.Stat()
	if err != nil || info.Size() <= l.read {
		return false
	}
	b, err := io.ReadAll(io.NewSectionReader(l.file, l.read, info.Size()-l.read))
	l.read += int64(len(b))
	return err == nil && bytes.Contains(b, []byte(", elapsed time: "))
}

// explain adds what the server said since its start.
func (l *serverLog) explain(err error) error {
	const enough = 64 << 10
	b, readErr := io.ReadAll(io.NewSectionReader(l.file, l.start, enough))
	if readErr != nil {
		return err
	}
	said := string(b)
	err = fmt.Errorf("%w%s", err, lastLines(said))
	if strings.Contains(said, "is still in use") || strings.Contains(said, `"postmaster.pid" already exists`) {
		return fmt.Errorf("%w: %w", errOccupied, err)
	}
	return err
}

// lastLines is the end of a program's output as the end of an error: one line, or nothing.
func lastLines(output string) string {
	output = strings.TrimSpace(output)
	if output == "" {
		return ""
	}
	lines := strings.Split(output, "\n")
	lines = lines[max(0, len(lines)-maxErrorLines):]
	return "; it said: " + strings.Join(lines, " | ")
}
