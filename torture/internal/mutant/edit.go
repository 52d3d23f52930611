package mutant

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Edit replaces a piece of one file of the module.
type Edit struct {
	File string // from the module's root, with slashes
	Old  string // must stand there exactly once
	New  string
}

// Mutant is an ingest that breaks one promise.
type Mutant struct {
	Name   string // for the command line
	Breaks string // what the broken ingest does
	Caught string // the check that has to see it
	Edits  []Edit
}

// apply returns the files that the mutants change, as they are after all edits, by their path below root. An edit
// that two mutants share is made once. apply fails when an Old does not stand in its file exactly once.
func apply(root string, mutants ...Mutant) (map[string]string, error) {
	files := map[string]string{}
	var done []Edit
	for _, m := range mutants {
		for _, e := range m.Edits {
			if slices.Contains(done, e) {
				continue
			}
			done = append(done, e)
			if err := e.apply(root, files); err != nil {
				return nil, fmt.Errorf("mutant %q no longer applies: %w", m.Name, err)
			}
		}
	}
	return files, nil
}

func (e Edit) apply(root string, files map[string]string) error {
	text, there := files[e.File]
	if !there {
		b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.File)))
		if err != nil {
			return err
		}
		text = string(b)
	}
	if n := strings.Count(text, e.Old); n != 1 {
		return fmt.Errorf("%s has %d times %q", e.File, n, e.Old)
	}
	files[e.File] = strings.Replace(text, e.Old, e.New, 1)
	return nil
}
