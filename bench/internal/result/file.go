package result

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Read reads the document of a run.
func Read(path string) (*Result, error) {
	var r Result
	if err := ReadJSON(path, &r); err != nil {
		return nil, err
	}
	if len(r.Scenarios) == 0 {
		return nil, fmt.Errorf("read result: %s has no scenarios: it was not written by bench run", path)
	}
	return &r, nil
}

// ReadJSON reads a result of any kind. The version is looked at first: of another one even the form may be another.
func ReadJSON(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read result: %w", err)
	}
	var of struct{ Version int }
	err = json.Unmarshal(b, &of)
	switch {
	case err != nil:
	case of.Version == 0:
		return fmt.Errorf("read result: %s is not a result of bench", path)
	case of.Version != Version:
		return fmt.Errorf("read result: %s has version %d, but this bench reads version %d: use the bench that wrote it, or measure again", path, of.Version, Version)
	default:
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return fmt.Errorf("read result: %s is not a result, or is truncated: %w", path, err)
	}
	return nil
}

// Write writes a result of any kind.
func Write(path string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return WriteFile(path, append(b, '\n'))
}

// WriteFile replaces the file at path in one step, by writing beside it and renaming: a run that is killed leaves the state
// before or after, never half of one.
func WriteFile(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path+".new", b, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(path+".new", path)
}
