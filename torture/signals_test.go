package torture

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"ingot/internal/pgtest"
)

// TestSecondSignalStopsAtOnce: while a batch hangs and hours of draining are allowed.
// Nobody is told anything, the private Postgres goes too, and the same requests sent
// again after the next start are stored once.
func TestSecondSignalStopsAtOnce(t *testing.T) {
	data := dataFolder(t)
	i := startIngester(t, append(patient, "--data-dir", data)...)
	block(t, pgtest.Client(t, i.privateURL(t)))
	told, waiters := fillQueue(t, i)
	i.Signal(syscall.SIGTERM)
	awaitStopping(t, i)
	if i.Ended() {
		t.Fatal("the first signal ended it")
	}
	time.Sleep(time.Second) // one that comes at once is taken for the same
	i.Signal(syscall.SIGTERM)
	if code := i.wait(); code != 1 || !strings.Contains(i.said(i.stderr), "ingest: second signal, stopping at once") {
		t.Errorf("exit code %d", code)
	}
	waiters.Wait()
	if got := fmt.Sprint(told.counts()); got != fmt.Sprintf("map[none:%d]", waiting) {
		t.Errorf("answers: %s", got)
	}
	await(t, "the private Postgres to go", func() bool { return len(postgresOf(t, data)) == 0 })
	i.start(t)
	settle(t, i, told)
	checkSettled(t, pgtest.Client(t, i.privateURL(t)), told)
	i.stop(t)
}

// TestDrainTimeoutEndsWithAnError: what could not be brought to its end in time is told
// to the waiters, and counted, and the exit code is not that of a clean stop.
func TestDrainTimeoutEndsWithAnError(t *testing.T) {
	data := dataFolder(t)
	i := startIngester(t, append(patient, "--drain-timeout=1s", "--batch-events=20", "--data-dir", data)...)
	block(t, pgtest.Client(t, i.privateURL(t)))
	told, waiters := fillQueue(t, i)
	i.Signal(syscall.SIGTERM)
	code := i.wait()
	waiters.Wait()
	counts := told.counts()
	t.Logf("exit code %d, answers %v", code, counts)
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	if counts["503 draining"] == 0 || counts["503 draining"]+counts["504 outcome-unknown"] != waiting {
		t.Errorf("answers: %v", counts)
	}
	says := fmt.Sprintf("%d accepted events were refused; for %d more it is unknown", waitingEvents*counts["503 draining"], waitingEvents*counts["504 outcome-unknown"])
	if !strings.Contains(i.said(i.stderr), says) {
		t.Errorf("the last line does not say %q:\n%s", says, i.said(i.stderr))
	}
	told.check(t, openFolder(t, data))
}
