package environment

import (
	"fmt"
	"os"
	"path/filepath"
)

// freshLogs makes an empty folder for the logs of this run. Those of the run before are kept beside it, and older ones are
// removed: each round has ingesters of its own, whose ports, and so the names of their logs, are new each time. The data
// folder has to be locked.
func freshLogs(dataDir string) (string, error) {
	logs := filepath.Join(dataDir, "logs")
	before := logs + ".before"
	if _, err := os.Stat(logs); err == nil {
		if err := os.RemoveAll(before); err != nil {
			return "", fmt.Errorf("remove old logs: %w", err)
		}
		if err := os.Rename(logs, before); err != nil {
			return "", fmt.Errorf("keep the logs of the run before: %w", err)
		}
	}
	if err := os.Mkdir(logs, 0o755); err != nil {
		return "", fmt.Errorf("make a folder for logs: %w", err)
	}
	return logs, nil
}
