package ingot_test

import (
	"os/exec"
	"strings"
	"testing"
)

// big is the one large library that a package below ingest/internal exists to
// hide, alone or with those below it; leaf modules may be used by all of them.
var (
	big = map[string]string{
		"httpapi":               "github.com/valyala/fasthttp",
		"postgres":              "github.com/jackc/pgx/v5",
		"postgres/writer":       "github.com/jackc/pgx/v5",
		"postgres/reader":       "github.com/jackc/pgx/v5",
		"postgres/retention":    "github.com/jackc/pgx/v5",
		"dedup":                 "github.com/bits-and-blooms/bloom/v3",
		"storetest":             "github.com/google/go-cmp", // imported by tests alone
		"postgres/postgrestest": "ingot/internal/pgtest",    // likewise
		"pipeline":              "",
		"keys":                  "",
		"feed":                  "",
	}
	leaves = []string{"go.uber.org/zap", "github.com/google/uuid", "github.com/prometheus/client_golang", "github.com/prometheus/common/expfmt", "github.com/klauspost/compress", "golang.org/x/sys"}
)

// TestImportRule: a package below ingest/internal imports internal/event, the
// schema, the standard library, leaf modules, the one library it hides, and the package
// that it stands below; never a sibling. That nobody outside ingest imports it is Go's
// own rule.
func TestImportRule(t *testing.T) {
	t.Parallel()
	const inside = "ingot/ingest/internal/"
	packages := importsOf(t, inside+"...")
	for path, imports := range packages {
		own, known := big[strings.TrimPrefix(path, inside)]
		if !known {
			t.Errorf("%s is not in the table of this test: say which library it hides", path)
		}
		for _, i := range imports {
			if !allowed(i, own) && !strings.HasPrefix(path, i+"/") {
				t.Errorf("%s imports %s", path, i)
			}
		}
	}
	for name := range big {
		if _, there := packages[inside+name]; !there {
			t.Errorf("%s is in the table of this test, and nowhere else", name)
		}
	}
}

func allowed(path, own string) bool {
	first, _, _ := strings.Cut(path, "/")
	switch {
	case path == "ingot" || path == "ingot/internal/event":
		return true
	case own != "" && (path == own || strings.HasPrefix(path, own+"/")):
		return true
	case first == "ingot":
		return false
	case !strings.Contains(first, "."):
		return true // the standard library
	}
	for _, leaf := range leaves {
		if path == leaf || strings.HasPrefix(path, leaf+"/") {
			return true
		}
	}
	return false
}

// importsOf is what each package of a pattern imports, but for its tests.
func importsOf(t *testing.T, pattern string) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, pattern).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		packages[words[0]] = words[1:]
	}
	return packages
}
