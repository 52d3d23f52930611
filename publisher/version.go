package main

import (
	"cmp"
	"runtime/debug"
)

// version is what --version prints: of the module, and the revision it was built from.
func version() string {
	info, _ := debug.ReadBuildInfo() // nil: not built as a module
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) string {
	if info == nil {
		info = &debug.BuildInfo{}
	}
	text := "publisher " + cmp.Or(info.Main.Version, "(devel)")
	vcs := map[string]string{}
	for _, s := range info.Settings {
		vcs[s.Key] = s.Value
	}
	if vcs["vcs.revision"] == "" {
		return text + ", revision not known"
	}
	text += ", revision " + vcs["vcs.revision"]
	if vcs["vcs.modified"] == "true" {
		text += ", modified"
	}
	return text
}
