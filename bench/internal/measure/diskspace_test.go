package measure

import (
	"context"
	"strings"
	"testing"
	"time"

	"ingot/bench/internal/scenario"
)

// TestADiskThatIsTooSmall is told before a row is loaded, with the folder and what to change; of a Postgres that was given it is not known.
func TestADiskThatIsTooSmall(t *testing.T) {
	t.Parallel()
	env := profiling(t)
	env.Disk = t.TempDir()
	for set, mend := range map[string]string{scenario.Full: ", or --rows to fewer rows", scenario.Named: ": set --data-dir to a folder on another disk"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // or it loads rows until the disk is full
		defer cancel()
		r, err := newRound(env, scenario.Scenario{Name: "huge", Set: set, Base: 1_000_000_000_000}, Window{})
		if err != nil {
			t.Fatal(err)
		}
		err = r.openDatabase(ctx)
		if err == nil || ctx.Err() != nil || !strings.HasPrefix(err.Error(), "the disk of "+env.Disk+" has ") || !strings.HasSuffix(err.Error(), mend) || !strings.Contains(err.Error(), "need 1250000.0 GB") {
			t.Errorf("%s: %v", set, err)
		}
	}
	env.Disk = ""
	if err := (&round{env: env, scenario: scenario.Scenario{Base: 1_000_000_000_000}}).checkDiskSpace(0); err != nil {
		t.Errorf("a disk that is not known: %v", err)
	}
	env.Disk = t.TempDir()
	if err := (&round{env: env, scenario: scenario.Scenario{Base: 3000}}).checkDiskSpace(0); err != nil {
		t.Errorf("few rows: %v", err)
	}
}
