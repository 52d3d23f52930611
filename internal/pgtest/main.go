package pgtest

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Main is TestMain: it runs the tests, stops what they used, fails them if goroutines are left, and
// exits.
func Main(m *testing.M, opts ...goleak.Option) {
	goleak.VerifyTestMain(run{m}, opts...)
}

// run stops the cluster before goleak counts.
type run struct{ tests *testing.M }

func (r run) Run() int {
	shared.open()
	code := r.tests.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return max(code, 1)
	}
	return code
}
