package ingot_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReliabilityNamesWhatExists: each test that docs/reliability.md names as a proof, or docs/moving.md, is
// in the tree, and each log message that it quotes is in the sources.
func TestReliabilityNamesWhatExists(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	moving, err := os.ReadFile("docs/moving.md")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, moving...)
	tests, sources := goSources(t)
	names := regexp.MustCompile(`\bTest[A-Z]\w*`).FindAllString(string(text), -1)
	if len(names) < 40 {
		t.Errorf("only %d tests are named", len(names))
	}
	for _, name := range names {
		if !strings.Contains(tests, "\nfunc "+name+"(") {
			t.Errorf("%s does not exist", name)
		}
	}
	messages := 0
	for _, row := range regexp.MustCompile(`(?m)^\|.*$`).FindAllString(string(text), -1) {
		for _, quoted := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(row, -1) {
			messages++
			if start, _, _ := strings.Cut(quoted[1], "internal"); !strings.Contains(sources, start) {
				t.Errorf("no source says %q", quoted[1])
			}
		}
	}
	if messages < 10 {
		t.Errorf("only %d log messages are quoted", messages)
	}
}

// TestDocumentsNameWhatExists: each page that the README, CONTRIBUTING or a page of docs/ names is there.
func TestDocumentsNameWhatExists(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for _, page := range append(pages, "README.md", "CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`[\w/-]+\.md\b`).FindAllString(string(text), -1) {
			names++
			_, fromHere := os.Stat(name)
			_, fromDocs := os.Stat(filepath.Join("docs", name))
			if fromHere != nil && fromDocs != nil {
				t.Errorf("%s names %s, which does not exist", page, name)
			}
		}
	}
	if names < 30 {
		t.Errorf("only %d pages are named", names)
	}
}

// goSources is the text of all tests, and of all other Go files.
func goSources(t *testing.T) (tests, others string) {
	t.Helper()
	var parts [2]strings.Builder
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		at := 1
		if strings.HasSuffix(path, "_test.go") {
			at = 0
		}
		parts[at].Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return parts[0].String(), parts[1].String()
}
