package localpg

import (
	"os"
	"runtime"
	"strings"
)

// installers are the commands that install Postgres, by the names of systems in /etc/os-release.
var installers = map[string]string{
	"debian":   "apt-get install postgresql",
	"ubuntu":   "apt-get install postgresql",
	"fedora":   "dnf install postgresql-server",
	"rhel":     "dnf install postgresql-server",
	"centos":   "dnf install postgresql-server",
	"alpine":   "apk add postgresql",
	"arch":     "pacman -S postgresql",
	"suse":     "zypper install postgresql-server",
	"opensuse": "zypper install postgresql-server",
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
	for _, name := range systemNames(release) {
		switch command := installers[name]; {
		case command != "" && root:
			return "run `" + command + "`"
		case command != "":
			return "run `sudo " + command + "`"
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
