package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocNamesEveryFile: doc.go of the command and of each package names the files that are there, and no others; that of the
// command names each package too. So the picture holds when a file is moved.
func TestDocNamesEveryFile(t *testing.T) {
	t.Parallel()
	packages, err := filepath.Glob("internal/*")
	if err != nil || len(packages) < 15 {
		t.Fatalf("%d packages, %v", len(packages), err)
	}
	for _, dir := range append(packages, ".") {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "doc.go"))
		if os.IsNotExist(err) && sourceFiles(files) == 1 {
			continue // the file itself says what the package is for
		}
		if err != nil {
			t.Fatal(err)
		}
		named := map[string]bool{"doc.go": true}
		for _, name := range regexp.MustCompile(`[a-z/]+\.go\b`).FindAllString(string(text), -1) {
			named[name] = true
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Errorf("doc.go of %s: %v", dir, err)
			}
		}
		for _, path := range files {
			if name := filepath.Base(path); !strings.HasSuffix(name, "_test.go") && !named[name] {
				t.Errorf("doc.go of %s does not name %s", dir, name)
			}
		}
		for _, path := range packages {
			if dir == "." && !regexp.MustCompile(`\b`+filepath.Base(path)+`\b`).Match(text) {
				t.Errorf("doc.go of %s does not name %s", dir, path)
			}
		}
	}
}

func sourceFiles(files []string) (n int) {
	for _, path := range files {
		if !strings.HasSuffix(path, "_test.go") {
			n++
		}
	}
	return n
}
