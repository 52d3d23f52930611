package localpg

import (
	"os"
	"path/filepath"
	"slices"
)

// fetchedName is the folder of a project that holds a Postgres that was fetched: one folder a
// version, with bin, lib and share in it. getpostgres fills it.
const fetchedName = ".postgres"

// fetchedEnv names such a folder for programs that stand elsewhere: the Makefile sets it, so that
// the processes that tests start find what the tests found.
const fetchedEnv = "INGOT_POSTGRES"

// rootFetched is where root puts it when the server's user cannot enter the project.
const rootFetched = rootHome + "/postgres"

// FetchFolder is where a Postgres for the project in dir belongs: in the project, or for root, when
// the user that the server runs as cannot get in there, where that user can.
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

// Usable says whether the bin folder of one Postgres can be run by the user that the server will
// run as, and why not.
func Usable(binDir string) (Binaries, error) {
	run, err := ownerFor("")
	if err != nil {
		return Binaries{}, err
	}
	return probe(binDir, run)
}

// fetchedPlaces are the folders of fetched versions: INGOT_POSTGRES, that of the project we stand in
// or were built in, and root's. A folder of somebody else is not looked at: whoever owns it could put a program
// of their own in our hands.
func fetchedPlaces() []place {
	var found []place
	for _, dir := range append(projects(), rootFetched) {
		if o, ok := fileOwner(dir); ok && (o.uid == 0 || o.uid == os.Geteuid()) {
			found = append(found, place{dir, filepath.Join(dir, "*", "bin")})
		}
	}
	return found
}

// projects are INGOT_POSTGRES, the .postgres folder of the module around the working folder (tests run in the
// folders of their packages), and that of the one whose bin/ this program lies in.
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
