package monitor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Mallocs is how many objects an ingester has allocated since its start, by the text form of its heap profile. debug is the
// address of its profiles; "": it serves none, and the answer is 0.
func Mallocs(ctx context.Context, debug string) (int64, error) {
	if debug == "" {
		return 0, nil
	}
	body, err := get(ctx, newClient(0), debug, "heap?debug=1")
	if err != nil {
		return 0, err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "# Mallocs = "); ok {
			return strconv.ParseInt(value, 10, 64)
		}
	}
	return 0, lines.Err()
}

// Profile writes a CPU profile of an ingester over the time given into a file.
func Profile(ctx context.Context, debug string, during time.Duration, path string) error {
	if debug == "" {
		return errors.New("profile: the ingester has no flag --debug-listen")
	}
	body, err := get(ctx, newClient(during), debug, fmt.Sprintf("profile?seconds=%d", max(1, int(during.Seconds()))))
	if err != nil {
		return err
	}
	defer body.Close()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	out, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer out.Close()
	_, err = io.Copy(out, body)
	return err
}

// answerTimeout is how much longer an answer may take than what was asked for takes by itself. A guess: the ingester is at its
// limit meanwhile.
const answerTimeout = 5 * time.Minute

// newClient is patient for what takes so long.
func newClient(takes time.Duration) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: takes + answerTimeout}
}

func get(ctx context.Context, client *http.Client, debug, what string) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+debug+"/debug/pprof/"+what, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("profile: status %d", answer.StatusCode)
	}
	return answer.Body, nil
}
