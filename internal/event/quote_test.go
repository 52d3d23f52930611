package event

import (
	"fmt"
	"strings"
	"testing"
)

// TestAppendQuoted escapes what JSON demands and nothing else, wherever it stands.
func TestAppendQuoted(t *testing.T) {
	t.Parallel()
	for _, r := range "\u0080\u00e9\u2028\U0001f600" + string(ascii()) {
		escaped := string(r)
		switch {
		case r < ' ':
			escaped = fmt.Sprintf(`\u%04x`, r)
		case r == '"' || r == '\\':
			escaped = `\` + escaped
		}
		for at := range 10 {
			before, behind := strings.Repeat("a", at), strings.Repeat("b", 9-at)
			want := `[ "` + before + escaped + escaped + behind + `"`
			if got := string(AppendQuoted([]byte("[ "), before+string(r)+string(r)+behind)); got != want {
				t.Errorf("%q: got %s, want %s", r, got, want)
			}
		}
	}
}

func ascii() (all []byte) {
	for c := range byte(0x80) {
		all = append(all, c)
	}
	return all
}
