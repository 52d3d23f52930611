package slowpg

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Proxy relays connections to one Postgres.
type Proxy struct {
	// URL is that of the database, changed so that it leads through the proxy. Encryption is off, since the proxy has to read
	// the messages.
	URL string

	listener net.Listener
	network  string // of Postgres
	address  string
	hold     func() // what happens before the answer to a COMMIT goes on
	running  sync.WaitGroup

	mu     sync.Mutex // guards what follows
	conns  map[net.Conn]bool
	closed bool
}

// Open listens on a free port and relays to the Postgres behind databaseURL, until Close.
func Open(databaseURL string, delay time.Duration) (*Proxy, error) {
	return open(databaseURL, func() { time.Sleep(delay) })
}

func open(databaseURL string, hold func()) (*Proxy, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("database url: %w", err)
	}
	config, err := pgconn.ParseConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("database url: %w", err)
	}
	p := &Proxy{hold: hold, conns: map[net.Conn]bool{}}
	p.network, p.address = pgconn.NetworkAddress(config.Host, config.Port)
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	query := u.Query()
	query.Del("host")
	query.Del("port")
	query.Set("sslmode", "disable")
	u.Host, u.RawQuery = p.listener.Addr().String(), query.Encode()
	p.URL = u.String()
	p.running.Go(p.accept) // ends with the listener, awaited in Close
	return p, nil
}

// Close drops all connections.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	_ = p.listener.Close()
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) }) // ends with either side, or Close
	}
}

// serve relays one connection until either side ends it.
func (p *Proxy) serve(client net.Conn) {
	defer p.forget(client)
	var d net.Dialer
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	server, err := d.DialContext(ctx, p.network, p.address)
	if err != nil {
		return
	}
	defer p.forget(server)
	if !p.keep(client) || !p.keep(server) {
		return
	}
	done := make(chan struct{})
	go func() { // ends when client or server closes, awaited below
		defer close(done)
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_ = relay(client, server, p.hold)
	_ = client.Close()
	<-done
}

// keep notes a connection, so that Close closes it. It is false if Close has been called already.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return !p.closed
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close()
}
