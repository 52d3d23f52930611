// Package version tells which build of the module is running.
package version

import (
	"cmp"
	"runtime/debug"
)

// String is the module's version, and, of a build from a checkout, its revision; "+dirty" where
// the checkout had changes. What is not known is "(devel)".
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(devel)"
	}
	return describe(info)
}

func describe(info *debug.BuildInfo) string {
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	v := cmp.Or(info.Main.Version, "(devel)")
	if revision := set["vcs.revision"]; revision != "" {
		v += " " + revision
		if set["vcs.modified"] == "true" {
			v += "+dirty"
		}
	}
	return v + " " + info.GoVersion
}
