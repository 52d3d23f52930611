package httpapi

import (
	"strings"
	"testing"
)

// TestIndexPage: it loads one script, which is there, and nothing from elsewhere; where keys are wanted
// it says so to the script. make test-browser looks at what it shows.
func TestIndexPage(t *testing.T) {
	t.Parallel()
	locked, _ := openLocked(t)
	for g, keys := range map[*gate]string{open(t): `data-keys="no"`, locked: `data-keys="yes"`} {
		page := g.get(t, "/")
		if page.status != 200 || strings.Count(page.body, keys) != 1 || strings.Count(page.body, "data-keys") != 1 {
			t.Errorf("%d, want %s once in\n%s", page.status, keys, page.body)
		}
		if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "script-src 'unsafe") {
			t.Errorf("policy %q", policy)
		}
		_, behind, _ := strings.Cut(page.body, `<script src="`)
		script, _, _ := strings.Cut(behind, `"`)
		if a := g.get(t, script); a.status != 200 || a.header.Get("Content-Type") != "text/javascript; charset=utf-8" || !strings.Contains(a.body, "dataset.keys") {
			t.Errorf("%q: %d %v", script, a.status, a.header)
		}
		for _, elsewhere := range []string{"http:", "https:", `"//`} {
			if strings.Contains(page.body, elsewhere) {
				t.Errorf("the page names another host: %s", elsewhere)
			}
		}
	}
}
