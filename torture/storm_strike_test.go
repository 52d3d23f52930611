package torture

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// sleep waits, or until the storm is broken off.
func (s *storm) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	}
}

// strike brings one fault when its moment has come, and waits until all is well again.
func (s *storm) strike(n int, f fault) {
	moment := n*requestsPerFault + s.random.IntN(requestsPerFault/2)
	s.gate.allow((n + 1) * requestsPerFault)
	s.reach = (n+1)*requestsPerFault + requestsPerFault/2
	s.until(func() bool { return s.gate.progress().settled >= moment })
	began := time.Now()
	s.on.Store(f.String())
	fired := f.strike()
	s.heal()
	s.judgeBlame()
	s.on.Store("")
	s.report.struck(f, fired)
	if testing.Verbose() {
		fmt.Fprintf(os.Stderr, "storm: seed %d %3d fired %-5v %v in %v\n", s.seed, n, fired, f, time.Since(began).Round(time.Millisecond))
	}
}

// until waits; false when it is not so although the clients have had all that this
// fault may let them have.
func (s *storm) until(so func() bool) bool {
	for began := time.Now(); !so(); time.Sleep(time.Millisecond) {
		s.alive()
		p := s.gate.progress()
		switch {
		case p.stalled && p.open >= s.reach, time.Since(began) > recoverWithin:
			return so()
		case p.stalled:
			s.gate.allow(p.open + 10)
		}
	}
	return true
}

// hold lets the fault last for n more answers.
func (s *storm) hold(n int) {
	enough := s.gate.progress().answers + n
	s.until(func() bool { return s.gate.progress().answers >= enough })
}

// holdBriefly is hold for a fault that may keep every client: it ends after d, too.
func (s *storm) holdBriefly(n int, d time.Duration) {
	over, enough := time.Now().Add(d), s.gate.progress().answers+n
	s.until(func() bool { return s.gate.progress().answers >= enough || time.Now().After(over) })
}

// alive ends the storm at its first violation.
func (s *storm) alive() {
	for _, i := range s.ingesters {
		if i.Ended() && !s.down[i] {
			s.history.Violate("an ingester runs until it is stopped", fmt.Sprintf("%s has ended: %v\n%s", i.name, i.Cmd.ProcessState, last(i.said(i.stderr), 3000)))
		}
	}
	select {
	case <-s.history.Broken():
		s.end()
		s.FailNow()
	default:
	}
}
