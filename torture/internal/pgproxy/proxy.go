package pgproxy

import "ingot/internal/door"

// Proxy relays connections to one Postgres. Its moods are those of Door.
type Proxy struct {
	*door.Door
	URL    string // of the database, by way of the proxy
	faults door.Faults[Fault]
}

// Open listens on a free port of 127.0.0.1 and relays to the Postgres behind databaseURL, until Close.
func Open(databaseURL string) (p *Proxy, err error) {
	p = &Proxy{}
	if p.Door, p.URL, err = door.OpenPostgres(databaseURL, func(c *door.Conn) { p.serve(c) }); err != nil {
		return nil, err
	}
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
