package mutant

import (
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestEveryMutantApplies: alone, and on top of lax, each edit fits the source as it
// is now, and what comes out is Go.
func TestEveryMutantApplies(t *testing.T) {
	t.Parallel()
	root, err := Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range append(Table(), Lax) {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			for _, list := range [][]Mutant{{m}, {Lax, m}} {
				files, err := apply(root, list...)
				if err != nil {
					t.Fatal(err)
				}
				for _, file := range slices.Sorted(maps.Keys(files)) {
					readable(t, file, files[file])
				}
			}
		})
	}
}

// TestEveryMutantBuilds: one that does not compile shows nothing. Not parallel: each build
// takes all cores.
func TestEveryMutantBuilds(t *testing.T) {
	for _, m := range append(Table(), Lax) {
		if err := Compile(t.Context(), m); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
	broken := Mutant{Name: "no Go", Edits: []Edit{{"ingest/internal/pipeline/accept.go", "answered bool", "answered boolean"}}}
	if err := Compile(t.Context(), broken); err == nil || !strings.Contains(err.Error(), "undefined: boolean") {
		t.Errorf("what does not compile: %v", err)
	}
}

func readable(t *testing.T, file, text string) {
	t.Helper()
	if filepath.Ext(file) != ".go" {
		return
	}
	if _, err := parser.ParseFile(token.NewFileSet(), file, text, parser.AllErrors); err != nil {
		t.Error(err)
	}
	formatted, err := format.Source([]byte(text))
	if err != nil || string(formatted) != text {
		t.Errorf("%s: gofmt would change it (%v)", file, err)
	}
}

// TestTheTableIsWhole: each mutant says what it is, and changes something of the
// product and no test.
func TestTheTableIsWhole(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, m := range Table() {
		if names[m.Name] || !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(m.Name) || m.Breaks == "" || m.Caught == "" || len(m.Edits) == 0 {
			t.Errorf("%+v", m)
		}
		names[m.Name] = true
		for _, e := range m.Edits {
			if e.Old == e.New || strings.HasSuffix(e.File, "_test.go") {
				t.Errorf("%s: %+v", m.Name, e)
			}
		}
		if found, ok := Named(m.Name); !ok || found.Name != m.Name {
			t.Errorf("%s is not found by its name", m.Name)
		}
	}
	if len(names) != 19 {
		t.Errorf("%d mutants", len(names))
	}
}

func TestAnEditThatDoesNotFit(t *testing.T) {
	t.Parallel()
	root, err := Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Edit{
		{"schema.sql", "there is no such text", ""},
		{"schema.sql", "CREATE", "DROP"}, // many times
		{"no/such/file.go", "a", "b"},
	} {
		if _, err := apply(root, Mutant{Name: "x", Edits: []Edit{e}}); err == nil || !strings.Contains(err.Error(), `mutant "x" no longer applies`) {
			t.Errorf("%v: %v", e, err)
		}
	}
}
