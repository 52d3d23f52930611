package localpg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// owner is the user that runs the server and that the server's files belong to.
type owner struct {
	name     string
	uid, gid int
	drop     bool // this process is root, and runs the server as that user
}

// ownerFor says who is to run a server on the clusters in dir. If this process is root, that is the user that the
// clusters belong to, so that one run as root does not take a user's data away; if there are none, postgres or
// nobody.
func ownerFor(dir string) (owner, error) {
	if os.Geteuid() != 0 {
		return self(), nil
	}
	majors, err := clusters(dir)
	if err != nil {
		return owner{}, err
	}
	if len(majors) > 0 {
		if o, ok := fileOwner(clusterPath(dir, majors[0])); ok && o.uid != 0 {
			return o, nil
		}
	}
	return firstUser("postgres", "nobody")
}

func self() owner {
	return owner{name: userName(os.Geteuid()), uid: os.Geteuid(), gid: os.Getegid()}
}

func fileOwner(path string) (owner, bool) {
	info, err := os.Lstat(path)
	if err != nil {
		return owner{}, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return owner{}, false
	}
	uid := int(st.Uid)
	return owner{name: userName(uid), uid: uid, gid: int(st.Gid), drop: true}, true
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(uid)
}

// firstUser finds the first of these users that there is, but for root. Only one with a name in passwd will do: initdb
// refuses a uid without one.
func firstUser(names ...string) (owner, error) {
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return owner{name: name, uid: uid, gid: gid, drop: true}, nil
		}
	}
	return owner{}, errors.New("postgres refuses to run as root, and there is no user " + strings.Join(names, " or ") + " to run it as")
}

// command prepares a program to be run as the owner. It runs in the root folder: the owner may not enter the
// working folder of this process, and postgres insists on knowing its own.
func (o owner) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/"
	cmd.Env = append(slices.DeleteFunc(os.Environ(), o.withholds), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if o.drop {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}
	}
	return cmd
}

// withholds tells which variables of this process the owner's programs do not get: the PG variables, which would move
// the port or the data, and the language of messages. Of root's they get only those that programs are found with: any
// process of the owner can read their environment, and root's may hold keys and passwords.
func (o owner) withholds(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	if o.drop {
		return name != "PATH" && name != "LD_LIBRARY_PATH"
	}
	return strings.HasPrefix(name, "PG") || strings.HasPrefix(name, "LC_") || strings.HasPrefix(name, "LANG")
}

// canEnter tells whether the owner can enter a folder. It tries, for mode bits know nothing of access lists.
func (o owner) canEnter(dir string) bool {
	cmd := o.command("/bin/sh", "-c", ":")
	cmd.Dir = dir
	return cmd.Run() == nil
}

// give makes a file belong to the owner. If this process is not root all files belong to the owner already.
func (o owner) give(path string) error {
	if !o.drop {
		return nil
	}
	return os.Lchown(path, o.uid, o.gid)
}

// giveAll gives the owner a cluster that root has copied here, say from a backup.
func (o owner) giveAll(dir string) error {
	if got, ok := fileOwner(dir); !o.drop || !ok || got.uid == o.uid {
		return nil
	}
	if err := giveEach(dir, o.give); err != nil {
		return fmt.Errorf("give %s to user %s: %w", dir, o.name, err)
	}
	return nil
}

// giveEach gives the folder itself last: it tells the next start, should this one be cut off, that there is more to give.
func giveEach(dir string, give func(path string) error) error {
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		return give(path)
	})
	if err != nil {
		return err
	}
	return give(dir)
}
