package localpg

import (
	"os"
	"path/filepath"
	"slices"
)

// fetchedName is the folder of a project that getpostgres puts fetched versions of Postgres into: one folder a
// version, with bin, lib and share in it.
const fetchedName = ".postgres"

// fetchedEnv is the environment variable that names such a folder for programs that stand elsewhere. The Makefile
// sets it, so that processes which tests start find the Postgres that the tests found.
const fetchedEnv = "INGOT_POSTGRES"

// rootFetched is where root puts a fetched Postgres when the server's user cannot enter the project.
const rootFetched = rootHome + "/postgres"

// FetchFolder is where a Postgres for the project in dir belongs: in the project, or in rootFetched if this is root
// and the user that the server will run as cannot enter the project.
func FetchFolder(dir string) (string, error) {
	run, err := ownerFor("")
	if err != nil {
		return "", err
	}
	if run.drop && !run.canEnter(dir) {
		return rootFetched, nil
	}
	return filepath.Join(dir, fetchedName), nil
}

// Usable returns the Postgres in a bin folder, or an error that says why the user that the server will run as
// cannot run it.
func Usable(binDir string) (Binaries, error) {
	run, err := ownerFor("")
	if err != nil {
		return Binaries{}, err
	}
	return probe(binDir, run, probeTimeout)
}

// fetchedPlaces are the folders of fetched versions: those of projects, and root's. A folder of somebody else is
// not looked at: its owner could have this process run a program of theirs.
func fetchedPlaces() []place {
	var found []place
	for _, dir := range append(projects(), rootFetched) {
		if o, ok := fileOwner(dir); ok && (o.uid == 0 || o.uid == os.Geteuid()) {
			found = append(found, place{dir, filepath.Join(dir, "*", "bin")})
		}
	}
	return found
}

// projects are the folders that may hold fetched versions: INGOT_POSTGRES, the .postgres folder of the module
// around the working folder (tests run in the folders of their packages), and the .postgres folder of the project
// whose bin/ this program lies in.
func projects() (dirs []string) {
	if dir := os.Getenv(fetchedEnv); dir != "" {
		dirs = append(dirs, dir)
	}
	if here, err := os.Getwd(); err == nil {
		if root := moduleRoot(here); root != "" {
			dirs = append(dirs, filepath.Join(root, fetchedName))
		}
	}
	if exe, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Join(filepath.Dir(filepath.Dir(exe)), fetchedName))
	}
	return slices.Compact(dirs)
}

func moduleRoot(dir string) string {
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		above := filepath.Dir(dir)
		if above == dir {
			return ""
		}
		dir = above
	}
}
