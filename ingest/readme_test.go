package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var update = flag.Bool("update", false, "write the table of settings in README.md anew")

const (
	readme     = "../README.md"
	tableBegin = "<!-- settings: go test ./ingest -run TestREADME -update -->\n"
	tableEnd   = "<!-- end of settings -->\n"
)

// TestREADMEListsTheFlags: the table of settings is made from the flags.
func TestREADMEListsTheFlags(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegin)
	table, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatalf("%s has no table between %q and %q", readme, tableBegin, tableEnd)
	}
	want := settings(t)
	if *update {
		text := before + tableBegin + want + tableEnd + after
		if err := os.WriteFile(readme, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("the table is not that of the flags: go test ./ingest -run TestREADME -update\ngot\n%s\nwant\n%s", table, want)
	}
}

// settings is the table: a row for each flag of serve.
func settings(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	out.WriteString("| flag | variable | default | |\n|---|---|---|---|\n")
	for _, f := range serveFlags(t) {
		fmt.Fprintf(&out, "| `--%s` | %s | %s | %s |\n", f.Name, variables(f), preset(f), strings.ReplaceAll(f.Help, "|", `\|`))
	}
	return out.String()
}

func serveFlags(t *testing.T) []*kong.Flag {
	t.Helper()
	parser, err := kong.New(&cli{})
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range parser.Model.Children {
		if command.Name == "serve" {
			return command.Flags
		}
	}
	t.Fatal("there is no command serve")
	return nil
}

func variables(f *kong.Flag) string {
	if len(f.Envs) == 0 {
		return ""
	}
	return "`" + strings.Join(f.Envs, "`, `") + "`"
}

func preset(f *kong.Flag) string {
	if f.Default == "" {
		return ""
	}
	return "`" + f.Default + "`"
}

// TestEveryFlagIsAVariableToo, as the README says.
func TestEveryFlagIsAVariableToo(t *testing.T) {
	t.Parallel()
	for _, f := range serveFlags(t) {
		if len(f.Envs) == 0 || f.Help == "" {
			t.Errorf("--%s has no variable, or no help", f.Name)
		}
	}
}
