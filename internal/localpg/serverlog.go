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
	maxLogBytes   = 16 * mib // looked at as a server starts; the log has no statements, so this takes months (a guess)
	maxErrorLines = 8
)

// errOccupied is the error of a start that was refused because processes of an older server are still there.
var errOccupied = errors.New("an older server is still running")

// serverLog is the file with the server's output.
type serverLog struct {
	file  *os.File
	start int64 // where the output of this start begins
	read  int64 // how far the file was read for signs of recovery
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

// recovers tells whether the server has said, since it was last asked, that its recovery goes on. The server says
// so every log_startup_progress_interval.
func (l *serverLog) recovers() bool {
	info, err := l.file.Stat()
	if err != nil || info.Size() <= l.read {
		return false
	}
	b, err := io.ReadAll(io.NewSectionReader(l.file, l.read, info.Size()-l.read))
	l.read += int64(len(b))
	return err == nil && bytes.Contains(b, []byte(", elapsed time: "))
}

// explain adds to an error what the server has said since its start. If the server said that processes of an older
// one are still there, the error is errOccupied as well.
func (l *serverLog) explain(err error) error {
	const enough = 64 << 10
	b, readErr := io.ReadAll(io.NewSectionReader(l.file, l.start, enough))
	if readErr != nil {
		return err
	}
	said := string(b)
	err = fmt.Errorf("%w%s", err, lastLines(said))
	if strings.Contains(said, "shutdown at recovery target") {
		err = fmt.Errorf("%w: set recovery_target_action = 'promote' to have it continue from there", err)
	}
	if strings.Contains(said, "is still in use") || strings.Contains(said, `"postmaster.pid" already exists`) {
		return fmt.Errorf("%w: %w", errOccupied, err)
	}
	return err
}

// lastLines makes the end of a program's output the end of an error: one line, or nothing.
func lastLines(output string) string {
	output = strings.TrimSpace(output)
	if output == "" {
		return ""
	}
	lines := strings.Split(output, "\n")
	lines = lines[max(0, len(lines)-maxErrorLines):]
	return "; it said: " + strings.Join(lines, " | ")
}
