// Package version tells which build of the module is running.
package version

import (
	"cmp"
	"runtime/debug"
)

// revision is set by the linker (-X) where a build has no checkout to tell it, as in the Dockerfile.
var revision string

// String is the module's version, and, of a build from a checkout, its revision; "+dirty" where
// the checkout had changes. What is not known is "(devel)".
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(devel)"
	}
	return describe(info, revision)
}

func describe(info *debug.BuildInfo, linked string) string {
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	v := cmp.Or(info.Main.Version, "(devel)")
	if from := cmp.Or(set["vcs.revision"], linked); from != "" {
		v += " " + from
		if set["vcs.modified"] == "true" {
			v += "+dirty"
		}
	}
	return v + " " + info.GoVersion
}
