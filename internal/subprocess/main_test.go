package subprocess

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asParent makes the binary of the tests be a process that is killed while it has a child.
const asParent = "INGOT_TEST_AS_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(asParent) != "" {
		parent()
		return
	}
	goleak.VerifyTestMain(m)
}

// parent has a child that says its id, and later that it got SIGUSR1.
func parent() {
	child := exec.Command("sh", "-c", `trap "echo told; exit" USR1; echo $$; for n in $(seq 6000); do sleep 0.01; done`)
	child.Stdout = os.Stdout
	if _, err := Start(child, syscall.SIGUSR1); err != nil {
		panic(err)
	}
	time.Sleep(time.Minute) // it is killed long before
}
