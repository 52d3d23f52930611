// Package buildtest builds the programs of this module for tests that run them, and writes those that stand for others.
//
// `go test` keeps results, and reuses one if everything that the test was made of and has looked at is unchanged. It
// knows nothing of what a test builds, and would call an ingester good that was never run. So Build looks at each source
// file.
package buildtest

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
)

// Build compiles main packages of this module, as ingot/ingest, into the folder dir, each by its own name. flags are those of
// go build, as -race. It is called within a test: what is looked at before the first one go test does not note. An error has what
// go said.
func Build(dir string, flags []string, packages ...string) error {
	args := slices.Concat([]string{"build", "-o", dir + "/"}, flags, packages)
	if said, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, said)
	}
	files, err := sources(packages)
	for _, file := range files {
		if _, err := os.Stat(file); err != nil { // go test notes what is asked for
			return fmt.Errorf("look at a source: %w", err)
		}
	}
	return err
}

// Write makes the file path a program that a test can run at once. A program that is open for writing cannot be run ("text
// file busy"), and a process that another test starts meanwhile would have it open for longer: none is started before it is
// closed.
func Write(path string, program []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, program, 0o755)
}

// listSources prints a file a line: those of this module that a package is made of, what it embeds among them, and go.mod,
// which says what the others are.
const listSources = `{{if .Module}}{{if .Module.Main}}{{$dir := .Dir}}{{.Module.GoMod}}
{{range .GoFiles}}{{$dir}}/{{.}}
{{end}}{{range .EmbedFiles}}{{$dir}}/{{.}}
{{end}}{{end}}{{end}}`

// sources lists what packages are built from.
func sources(packages []string) (files []string, err error) {
	out, err := exec.Command("go", append([]string{"list", "-deps", "-f", listSources}, packages...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	for file := range strings.Lines(string(out)) {
		if file = strings.TrimSpace(file); file != "" {
			files = append(files, file)
		}
	}
	return files, nil
}
