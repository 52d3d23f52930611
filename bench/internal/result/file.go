package result

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Read reads a document.
func Read(path string) (*Result, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	var r Result
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read result: %s: %w", path, err)
	}
	if r.Version != Version {
		return nil, fmt.Errorf("read result: %s is of version %d, want %d", path, r.Version, Version)
	}
	return &r, nil
}

// Write replaces the file at path in one step: a run that is killed leaves the
// state before or after, never half of one.
func (r *Result) Write(path string) error { return WriteJSON(path, r) }

// WriteJSON does the same with a result of another kind.
func WriteJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return WriteFile(path, append(b, '\n'))
}

// WriteFile replaces the file at path in one step: it writes beside it and renames.
func WriteFile(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path+".new", b, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(path+".new", path)
}
