package limit

import (
	"testing"

	"go.uber.org/goleak"

	"ingot/internal/pgtest"
)

// fasthttp's clean-up and clock goroutines look up from their sleep seconds after
// the server has stopped; they end, or belong to the process.
func TestMain(m *testing.M) {
	pgtest.Main(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}
