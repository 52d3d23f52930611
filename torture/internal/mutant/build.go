package mutant

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Build compiles ingest with the edits of the mutants, or as it is if there are none, into the file out. It must be
// called inside of the module. flags are those of go build, such as -race.
func Build(ctx context.Context, out string, flags []string, mutants ...Mutant) error {
	return run(ctx, append([]string{"build", "-o", out}, flags...), mutants)
}

// Compile compiles the same for nothing but its errors, and does not link, which takes longer than the rest.
func Compile(ctx context.Context, mutants ...Mutant) error {
	return run(ctx, []string{"list", "-export", "-f", "{{.Export}}"}, mutants)
}

// run runs a command of go that compiles ingest.
func run(ctx context.Context, command []string, mutants []Mutant) error {
	root, err := Root(ctx)
	if err != nil {
		return err
	}
	files, err := apply(root, mutants...)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ingot-mutant-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay, err := writeOverlay(dir, root, files)
	if err != nil {
		return err
	}
	said, err := exec.CommandContext(ctx, "go", append(command, "-overlay", overlay, "ingot/ingest")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go %s: %w\n%s", command[0], err, said)
	}
	return nil
}

// Root is the folder of the module.
func Root(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "ingot").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// writeOverlay writes the changed files into dir, and the list of them that go build wants.
func writeOverlay(dir, root string, files map[string]string) (list string, err error) {
	replace := map[string]string{}
	for file, text := range files {
		changed := filepath.Join(dir, fmt.Sprint(len(replace))+filepath.Ext(file))
		if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, filepath.FromSlash(file))] = changed
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list = filepath.Join(dir, "overlay.json")
	return list, os.WriteFile(list, b, 0o600)
}
