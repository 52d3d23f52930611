package torture

import (
	"os/exec"
	"syscall"
	"testing"

	"ingot/internal/pgtest"
	"ingot/internal/ptytest"
)

// TestCtrlCInATerminal: the same as for a process group, on a real terminal, whose line
// discipline decides who gets the signal.
func TestCtrlCInATerminal(t *testing.T) {
	keyboard, terminal := ptytest.Open(t, 80)
	data := dataFolder(t)
	i := startIngesterAs(t, func(cmd *exec.Cmd) {
		cmd.Stdin = terminal
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	}, append(patient, "--data-dir", data)...)
	conn := pgtest.Client(t, i.privateURL(t))
	stopWhileWaiting(t, i, conn, func() {
		if _, err := keyboard.Write([]byte{3}); err != nil { // Ctrl-C
			t.Error(err)
		}
	})
	checkStopped(t, data)
}
