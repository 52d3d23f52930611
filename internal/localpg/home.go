package localpg

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// rootHome holds the data when root asks for a folder that the server's user cannot enter.
const rootHome = "/var/lib/ingot"

// home is the data folder that is really used, and the user that it belongs to.
type home struct {
	dir    string // absolute, without symlinks
	owner  owner
	notice string // one line for the log when dir is not the folder asked for
}

// openHome makes the wanted folder if it is missing, or finds the folder that is used instead.
func openHome(wanted string) (home, error) {
	if wanted == "" {
		return home{}, errors.New("no data folder given")
	}
	dir, err := filepath.Abs(wanted)
	if err != nil {
		return home{}, fmt.Errorf("resolve data folder: %w", err)
	}
	// Once there are data in the other folder they are used, even if dir can be entered now: to start afresh in dir
	// would forget every key.
	other := elsewhere(dir)
	if os.Geteuid() == 0 && holdsData(other) && !holdsData(dir) {
		return otherHome(other, fmt.Sprintf("the data of %s have been in %s since an earlier start", dir, other))
	}
	h, made, err := makeHome(dir)
	if err != nil || !h.owner.drop || h.owner.canEnter(dir) {
		return h, err
	}
	if made {
		_ = os.Remove(dir) // an empty folder would mislead whoever looks for the data
	}
	return otherHome(other, fmt.Sprintf("user %s cannot enter %s: the data are kept in %s", h.owner.name, dir, other))
}

func otherHome(dir, notice string) (home, error) {
	if _, err := makeFolder(rootHome); err != nil {
		return home{}, err
	}
	h, _, err := makeHome(dir)
	h.notice = notice
	return h, err
}

// makeHome makes the folder if it is missing, and tells whether it was.
func makeHome(dir string) (h home, made bool, err error) {
	if h.owner, err = ownerFor(dir); err != nil {
		return h, false, err
	}
	if made, err = makeFolder(dir); err != nil {
		return h, made, err
	}
	if h.dir, err = filepath.EvalSymlinks(dir); err != nil {
		return h, made, fmt.Errorf("resolve data folder: %w", err)
	}
	return h, made, nil
}

// makeFolder makes a folder that belongs to the user of this process. For root that matters: the server's user
// cannot put a link into it where root is going to write.
func makeFolder(dir string) (made bool, err error) {
	_, err = os.Stat(dir)
	if err == nil {
		return false, nil
	}
	if target, notLink := os.Readlink(dir); notLink == nil && errors.Is(err, fs.ErrNotExist) { // MkdirAll would say only that it exists
		return false, fmt.Errorf("data folder %s is a link to %s, which is not there: is its disk mounted?", dir, target)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, fmt.Errorf("make data folder: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // whatever the umask
		return true, fmt.Errorf("make data folder: %w", err)
	}
	return true, nil
}

func clusterPath(dir string, major int) string { return filepath.Join(dir, strconv.Itoa(major)) }

// clusters lists the majors that have a cluster in dir, newest first.
func clusters(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read data folder: %w", err)
	}
	var majors []int
	for _, e := range entries {
		if major, err := strconv.Atoi(e.Name()); err == nil && e.IsDir() {
			majors = append(majors, major)
		}
	}
	slices.Sort(majors)
	slices.Reverse(majors)
	return majors, nil
}

// HoldsData tells whether Start would find a cluster for this data folder, in it or in the folder that root's data
// are kept in instead. Otherwise Start would make a new cluster. HoldsData makes nothing.
func HoldsData(wanted string) bool {
	dir, err := filepath.Abs(wanted)
	return err == nil && (holdsData(dir) || os.Geteuid() == 0 && holdsData(elsewhere(dir)))
}

// elsewhere is the folder that root's data are kept in if the server's user cannot enter dir.
func elsewhere(dir string) string { return filepath.Join(rootHome, shortHash(dir)) }

func holdsData(dir string) bool {
	majors, err := clusters(dir)
	return err == nil && len(majors) > 0
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}
