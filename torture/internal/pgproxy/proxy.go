package pgproxy

import "ingot/torture/internal/door"

// Proxy relays connections to one Postgres. Its moods are those of Door.
type Proxy struct {
	*door.Door
	faults door.Faults[Fault]
}

// Listen listens on a free port of 127.0.0.1 and relays to Postgres, on a unix
// socket ("unix", "/run/.s.PGSQL.5432") or over TCP, until Close.
func Listen(upstreamNetwork, upstreamAddress string) (*Proxy, error) {
	p := &Proxy{}
	d, err := door.Open(upstreamNetwork, upstreamAddress, p.serve)
	if err != nil {
		return nil, err
	}
	p.Door = d
	return p, nil
}

// serve relays one connection. It reads the client's messages in this goroutine, and answer reads the server's in
// another. The first of the two to end ends the connection.
func (p *Proxy) serve(c *door.Conn) {
	t := newTalk(p, c)
	plain, err := t.greet()
	if err != nil {
		return
	}
	if !plain {
		c.Go(func() { t.passUnread() })
		_, _ = t.in.WriteTo(c.Upstream())
		return
	}
	c.Go(t.answer)
	t.ask()
}
