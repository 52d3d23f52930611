package torture

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"ingot/internal/subprocess"
	"ingot/torture/internal/mutant"
)

// The same storm against ingesters that are broken on purpose. Each has a decoder that
// lets poison through (mutant.Lax): the storm of the one that is not broken has to
// live with that as well.
var (
	mutantNames = flag.String("mutants", "", "storm against these mutants, `a,b,c`, or all; none given: no such storm")
	mutantSeeds = flag.String("mutants.seeds", "1,2,3", "`seeds` of each of these storms; one ends at its first violation")
)

// mutantHang is for all seeds of one mutant; they take five minutes on two idle cores.
const mutantHang = 40 * time.Minute

// TestMutants wants the unbroken ingester to come through the seeds, and every mutant
// to be caught by one of them.
func TestMutants(t *testing.T) {
	if *mutantNames == "" {
		t.Skip("make mutants")
	}
	var table strings.Builder
	defer func() { t.Logf("seeds %s\n%s", *mutantSeeds, &table) }()
	row := func(format string, args ...any) {
		line := fmt.Sprintf(format, args...)
		fmt.Fprintln(&table, line)
		fmt.Fprintln(os.Stderr, "mutants: "+line) // it takes long: each as it comes
	}
	unbroken := stormAgainst(t, mutant.Mutant{Name: "unbroken"})
	row("%-26s %-9v %v", unbroken.name, unbroken.took, unbroken.end())
	if !unbroken.passed {
		t.Fatalf("the unbroken ingester does not pass: what catches a mutant proves nothing\n%s", unbroken.said)
	}
	for _, m := range mutantsAsked(t) {
		o := stormAgainst(t, m)
		row("%-26s %-9v %v", o.name, o.took, o.end())
		if len(o.rules) == 0 {
			t.Errorf("%s survives (%s); it should be caught by: %s\n%s", m.Name, m.Breaks, m.Caught, o.said)
		}
	}
}

func mutantsAsked(t *testing.T) (asked []mutant.Mutant) {
	t.Helper()
	if *mutantNames == "all" {
		return mutant.Table()
	}
	for name := range strings.SplitSeq(*mutantNames, ",") {
		m, ok := mutant.Named(name)
		if !ok {
			t.Fatalf("there is no mutant called %q", name)
		}
		asked = append(asked, m)
	}
	return asked
}

// outcome is how a storm ended.
type outcome struct {
	name   string
	took   time.Duration
	passed bool
	rules  []string // that were violated
	said   string   // the end of it
}

// end is the outcome in a line.
func (o outcome) end() string {
	switch {
	case o.passed:
		return "no violation"
	case len(o.rules) == 0:
		return "FAILED WITHOUT A VIOLATION"
	}
	return "caught: " + strings.Join(o.rules, "; ")
}

// stormAgainst builds the mutant and lets the storm loose on it, in a process of its
// own: this test binary again.
func stormAgainst(t *testing.T, m mutant.Mutant) outcome {
	t.Helper()
	runtime.LockOSThread() // the kernel takes the end of the thread that forks for that of this process
	defer runtime.UnlockOSThread()
	dir := t.TempDir()
	program := filepath.Join(dir, "ingest")
	if err := mutant.Build(t.Context(), program, buildFlags(), mutant.Lax, m); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), mutantHang)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=TestStorm$", "-test.timeout="+mutantHang.String(),
		"-ingest="+program, "-storm.seeds="+*mutantSeeds, "-storm.keep="+dir)
	subprocess.DieWithParent(cmd, syscall.SIGKILL)
	began := time.Now()
	said, err := cmd.CombinedOutput()
	o := outcome{name: m.Name, took: time.Since(began).Round(time.Second), passed: err == nil, said: string(said)}
	if !o.passed {
		o.rules = violated(o.said)
	}
	o.said = last(o.said, 4000)
	return o
}

// violation is the line that tells a rule which was broken, or that ingest verify has
// found something.
var violation = regexp.MustCompile(`(?m)_test\.go:\d+: (?:violation: (.*):$|(ingest verify): exit code)`)

// violated lists the rules that a storm found broken, each once.
func violated(said string) (rules []string) {
	known := map[string]bool{}
	for _, match := range violation.FindAllStringSubmatch(said, -1) {
		if rule := match[1] + match[2]; !known[rule] {
			known[rule] = true
			rules = append(rules, rule)
		}
	}
	return rules
}

// TestViolated: what a storm says is read as it is said.
func TestViolated(t *testing.T) {
	said := `--- FAIL: TestStorm (1.00s)
    --- FAIL: TestStorm/seed=1 (1.00s)
        storm_run_test.go:139: violation: stored is there:
              key "a" topic "b": gone
        storm_run_test.go:139: violation: stored is there:
              key "violation: no" topic "b": gone
        storm_check_test.go:9: ingest verify: exit code 1
    storm_test.go:60: seed 1 failed`
	if got := strings.Join(violated(said), ", "); got != "stored is there, ingest verify" {
		t.Errorf("%q", got)
	}
	if got := violated("    storm_test.go:66: the storm was too weak: requests: 1, at least 2 are wanted"); got != nil {
		t.Errorf("%q", got)
	}
}
