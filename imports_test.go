package ingot_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// big is the one large library that a package below ingest/internal exists to
// hide; leaf modules may be used by all of them.
var (
	big = map[string]string{
		"httpapi":   "github.com/valyala/fasthttp",
		"postgres":  "github.com/jackc/pgx/v5",
		"dedup":     "github.com/bits-and-blooms/bloom/v3",
		"storetest": "github.com/google/go-cmp", // imported by tests alone
		"pipeline":  "",
		"keys":      "",
		"feed":      "",
	}
	leaves = []string{"go.uber.org/zap", "github.com/google/uuid", "github.com/prometheus/client_golang", "github.com/prometheus/common/expfmt", "github.com/klauspost/compress", "golang.org/x/sys"}
)

type goPackage struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

// TestImportRule: a package below ingest/internal imports internal/event, the
// schema, the standard library, leaf modules and the one library it hides; never a
// sibling. Publisher and bench meet the server over HTTP and import none of it.
func TestImportRule(t *testing.T) {
	t.Parallel()
	packages := list(t, "ingot/...")
	const inside = "ingot/ingest/internal/"
	met := 0
	for path, p := range packages {
		name, below := strings.CutPrefix(path, inside)
		if !below {
			for _, i := range p.Imports {
				if strings.HasPrefix(i, inside) && path != "ingot/ingest" {
					t.Errorf("%s imports %s: only package main of ingest may", path, i)
				}
			}
			continue
		}
		met++
		own, known := big[name]
		if !known {
			t.Errorf("%s is not in the table of this test: say which library it hides", path)
		}
		for _, i := range p.Imports {
			if !allowed(i, own) {
				t.Errorf("%s imports %s", path, i)
			}
		}
	}
	if met < 3 {
		t.Errorf("only %d packages found", met)
	}
}

func allowed(path, own string) bool {
	first, _, _ := strings.Cut(path, "/")
	switch {
	case path == "ingot" || path == "ingot/internal/event":
		return true
	case first == "ingot":
		return false
	case !strings.Contains(first, "."):
		return true // the standard library
	case own != "" && (path == own || strings.HasPrefix(path, own+"/")):
		return true
	}
	for _, leaf := range leaves {
		if path == leaf || strings.HasPrefix(path, leaf+"/") {
			return true
		}
	}
	return false
}

func list(t *testing.T, pattern string) map[string]goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Standard,Imports", pattern).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := map[string]goPackage{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
		packages[p.ImportPath] = p
	}
}
