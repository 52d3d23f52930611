package pgproxy

import (
	"errors"
	"io"
)

// errStruck ends the reading of a connection to which a fault has done all that it does.
var errStruck = errors.New("struck")

// ask passes the client's messages until the client leaves or the connection is ended. A server that takes no more
// messages may still have last words, which answer passes on.
func (t *talk) ask() {
	for {
		m, asks, err := t.known.recognise(t.in)
		if t.aside {
			m.points = m.pointsAside()
		}
		if err != nil {
			_ = t.out.Flush()
			return
		}
		if t.due != "" {
			err = t.pastError(m)
		} else {
			err = t.step(m, asks)
		}
		if errors.Is(err, errStruck) {
			return
		}
		if err != nil {
			_, _ = io.Copy(io.Discard, t.in)
			return
		}
	}
}

// step passes one message, or does to it what an armed fault says. asks is true if the server answers the message
// with ReadyForQuery.
func (t *talk) step(m message, asks bool) error {
	fault, struck := t.p.take(m)
	if asks || struck {
		if err := t.out.Flush(); err != nil {
			return err
		}
	}
	if asks {
		if err := t.c.Lag(); err != nil {
			return err
		}
	}
	if !struck {
		return t.send(m, asks)
	}
	switch fault.Do {
	case Error:
		return t.fail(m, fault.SQLSTATE)
	case RollBack:
		return t.replace(m, "ROLLBACK")
	case DropBefore:
		t.c.Reset()
		return errStruck
	case HalfThenCut:
		return t.half(m)
	case DelayBefore:
		if err := t.c.Sleep(fault.Delay); err != nil {
			return err
		}
	case SwallowAfter, HangAfter:
		t.keepBack(fault.Do, m.kind == 'd')
	}
	return t.send(m, asks)
}

func (t *talk) send(m message, asks bool) error {
	if asks {
		t.count()
	}
	return t.forward(m.size)
}

func (t *talk) count() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked++
}

func (t *talk) half(m message) error {
	if _, err := io.CopyN(t.out, t.in, int64(m.size/2)); err != nil {
		return err
	}
	if err := t.out.Flush(); err != nil {
		return err
	}
	t.c.Reset()
	return errStruck
}
