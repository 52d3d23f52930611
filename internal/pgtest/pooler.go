package pgtest

import (
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// Pooling is how a Pooler gives server connections to clients.
type Pooling int

const (
	PoolSession Pooling = iota // one for as long as the client is there
	PoolNewest                 // one for a transaction: that which another client gave back last
	PoolOldest                 // likewise, in turn
)

// Pooler starts a pooler before a database, which does what PgBouncer does, and returns the URL that leads through it.
func Pooler(t testing.TB, url string, mode Pooling) string {
	t.Helper()
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pooler{url: url, mode: mode}
	p.clients.Go(func() { p.accept(t, l) }) // stopped by l.Close, awaited below
	t.Cleanup(func() {
		_ = l.Close()
		p.clients.Wait() // their tests have closed them
		for _, s := range p.idle {
			_ = s.conn.Close()
		}
	})
	host, port, _ := net.SplitHostPort(l.Addr().String())
	return "host=" + host + " port=" + port + " user=" + config.User + " dbname=" + config.Database + " sslmode=disable"
}

// pooler has the server connections that no client uses.
type pooler struct {
	url     string
	mode    Pooling
	clients sync.WaitGroup

	mu   sync.Mutex
	idle []*served
}

// served is a connection to the server.
type served struct {
	conn   net.Conn
	talk   *pgproto3.Frontend
	params map[string]string
}

func (p *pooler) accept(t testing.TB, l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		p.clients.Go(func() { // ends with its client
			defer conn.Close()
			if err := p.serve(t, pgproto3.NewBackend(conn, conn)); err != nil {
				t.Logf("pooler: %v", err)
			}
		})
	}
}

// take returns a connection that is idle, or a new one.
func (p *pooler) take(t testing.TB) (*served, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		at := 0
		if p.mode == PoolNewest {
			at = n - 1
		}
		s := p.idle[at]
		p.idle = append(p.idle[:at:at], p.idle[at+1:]...)
		return s, nil
	}
	conn, err := pgconn.Connect(t.Context(), p.url)
	if err != nil {
		return nil, err
	}
	h, err := conn.Hijack()
	if err != nil {
		return nil, err
	}
	return &served{h.Conn, h.Frontend, h.ParameterStatuses}, nil
}

func (p *pooler) give(s *served) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, s)
}

// serve welcomes a client, under a backend's name that none has, and passes on what it asks.
func (p *pooler) serve(t testing.TB, client *pgproto3.Backend) error {
	if _, err := client.ReceiveStartupMessage(); err != nil {
		return err
	}
	server, err := p.take(t)
	if err != nil {
		return err
	}
	client.Send(&pgproto3.AuthenticationOk{})
	for name, value := range server.params {
		client.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	client.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if p.mode != PoolSession {
		p.give(server)
		server = nil
	}
	defer func() {
		if server != nil {
			_ = server.conn.Close()
		}
	}()
	for {
		if err := client.Flush(); err != nil {
			return err
		}
		asked, err := client.Receive()
		if _, end := asked.(*pgproto3.Terminate); end || err != nil {
			return nil // the client has hung up
		}
		if server == nil {
			if server, err = p.take(t); err != nil {
				return err
			}
		}
		server.talk.Send(asked)
		switch asked.(type) {
		case *pgproto3.Query, *pgproto3.Sync:
			idle, err := relay(client, server.talk)
			if err != nil {
				return err
			}
			if idle && p.mode != PoolSession {
				p.give(server)
				server = nil
			}
		}
	}
}

// relay passes on a whole answer, and the rows of a COPY; idle: no transaction is open behind it. Its end is yet to be
// flushed, once the connection is given back: what is asked next, over whichever connection, can have it.
func relay(client *pgproto3.Backend, server *pgproto3.Frontend) (idle bool, err error) {
	if err := server.Flush(); err != nil {
		return false, err
	}
	for {
		answer, err := server.Receive()
		if err != nil {
			return false, err
		}
		client.Send(answer)
		switch a := answer.(type) {
		case *pgproto3.ReadyForQuery:
			return a.TxStatus == 'I', nil
		case *pgproto3.CopyInResponse:
			if err := errors.Join(client.Flush(), copyIn(client, server)); err != nil {
				return false, err
			}
		}
	}
}

func copyIn(client *pgproto3.Backend, server *pgproto3.Frontend) error {
	for {
		rows, err := client.Receive()
		if err != nil {
			return err
		}
		server.Send(rows)
		if _, more := rows.(*pgproto3.CopyData); !more {
			return server.Flush()
		}
	}
}
