package slowpg

import (
	"io"
	"time"

	"ingot/internal/door"
)

// Proxy relays connections to one Postgres, until Close.
type Proxy struct {
	*door.Door
	URL string // of the database, by way of the proxy
}

// Open listens on a free port and relays to the Postgres behind databaseURL.
func Open(databaseURL string, delay time.Duration) (*Proxy, error) {
	return open(databaseURL, func(c *door.Conn) { _ = c.Sleep(delay) })
}

// open calls hold before the answer to a COMMIT goes on.
func open(databaseURL string, hold func(*door.Conn)) (*Proxy, error) {
	d, through, err := door.OpenPostgres(databaseURL, func(c *door.Conn) {
		c.Go(func() {
			_, _ = io.Copy(c.Upstream(), c.Client())
			c.End()
		})
		_ = relay(c.Client(), c.Upstream(), func() { hold(c) })
	})
	if err != nil {
		return nil, err
	}
	return &Proxy{d, through}, nil
}
