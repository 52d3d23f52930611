package localpg

import (
	"os"
	"runtime"
	"slices"
	"strings"
)

// hints are the commands that install Postgres, by the names of systems in /etc/os-release.
var hints = []struct {
	systems []string
	command string
}{
	{[]string{"debian", "ubuntu"}, "apt-get install postgresql"},
	{[]string{"fedora", "rhel", "centos"}, "dnf install postgresql-server"},
	{[]string{"alpine"}, "apk add postgresql"},
	{[]string{"arch"}, "pacman -S postgresql"},
	{[]string{"suse", "opensuse"}, "zypper install postgresql-server"},
}

// InstallHint says what to type to get Postgres on this system.
func InstallHint() string {
	release, _ := os.ReadFile("/etc/os-release") // macOS has none
	return hint(runtime.GOOS, string(release), os.Geteuid() == 0)
}

func hint(system, release string, root bool) string {
	if system == "darwin" {
		return "run `brew install postgresql@17`"
	}
	names := systemNames(release)
	for _, h := range hints {
		for _, s := range h.systems {
			switch {
			case slices.Contains(names, s) && root:
				return "run `" + h.command + "`"
			case slices.Contains(names, s):
				return "run `sudo " + h.command + "`"
			}
		}
	}
	return "install PostgreSQL 15 or newer from your system's packages"
}

// systemNames are the words of ID and ID_LIKE.
func systemNames(release string) (names []string) {
	for line := range strings.Lines(release) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if name == "ID" || name == "ID_LIKE" {
			names = append(names, strings.Fields(strings.Trim(value, `"'`))...)
		}
	}
	return names
}
