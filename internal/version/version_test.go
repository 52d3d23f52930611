package version

import (
	"runtime/debug"
	"testing"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	checkout := []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}
	for want, info := range map[string]debug.BuildInfo{
		"v1.2.3 go1.26":            {GoVersion: "go1.26", Main: debug.Module{Version: "v1.2.3"}},
		"(devel) abc+dirty go1.26": {GoVersion: "go1.26", Settings: checkout},
		"(devel) abc go1.26":       {GoVersion: "go1.26", Settings: checkout[:1]},
	} {
		if got := describe(&info, ""); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := describe(&debug.BuildInfo{GoVersion: "go1.26"}, "def"); got != "(devel) def go1.26" {
		t.Errorf("by the linker: %q", got)
	}
	if String() == "" {
		t.Error("this build has none")
	}
}
