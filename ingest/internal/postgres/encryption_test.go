package postgres

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"ingot/internal/certtest"
)

// TestEncryptionIsKnown: a server that offers none is connected to all the same.
func TestEncryptionIsKnown(t *testing.T) {
	t.Parallel()
	url := database(t)
	certificate := certtest.NewAuthority(t).Issue(t, time.Now().Add(time.Hour)).Certificate(t)
	for name, c := range map[string]struct {
		url  string
		want bool
	}{
		"socket":    {url, false},
		"plaintext": {overTCP(t, url, nil), false},
		"encrypted": {overTCP(t, url, &certificate), true},
	} {
		if d, err := Open(t.Context(), c.url); err != nil || d.Encrypted != c.want || d.Exposed {
			t.Errorf("%s: encrypted: %v, exposed: %v, %v", name, d.Encrypted, d.Exposed, err)
		}
	}
}

// overTCP is the URL of a server on the loopback that passes everything on to another, and that offers TLS if it has a certificate.
func overTCP(t *testing.T, url string, certificate *tls.Certificate) string {
	t.Helper()
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); open.Wait() })
	open.Go(func() { // ended by Close, awaited in Cleanup; so are those below, once their clients have left
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { passOn(c, config, certificate) })
		}
	})
	return "postgres://" + config.User + "@" + l.Addr().String() + "/" + config.Database
}

// passOn answers a request for TLS, and passes everything else on.
func passOn(c net.Conn, config *pgconn.Config, certificate *tls.Certificate) {
	defer c.Close()
	begins := make([]byte, 8)
	if _, err := io.ReadFull(c, begins); err != nil {
		return
	}
	const request = 80877103
	switch asked := binary.BigEndian.Uint32(begins[4:]) == request; {
	case asked && certificate == nil:
		_, _ = c.Write([]byte("N")) // pgx connects once more, and asks no more
		return
	case asked:
		_, _ = c.Write([]byte("S"))
		c, begins = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*certificate}}), nil
	}
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	server, err := net.Dial(network, address)
	if err != nil {
		return
	}
	_, _ = server.Write(begins)
	var answers sync.WaitGroup
	answers.Go(func() { _, _ = io.Copy(c, server) }) // ended by Close, awaited below
	_, _ = io.Copy(server, c)
	_ = server.Close()
	answers.Wait()
}

// TestLeavesTheMachine: nobody else reads what stays on it.
func TestLeavesTheMachine(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]bool{"127.0.0.1:5432": false, "127.9.9.9:1": false, "[::1]:5432": false, "[::ffff:127.0.0.1]:1": false, "192.0.2.1:5432": true, "[2001:db8::1]:5432": true} {
		if got := leavesTheMachine(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(to))); got != want {
			t.Errorf("%s: %v", to, got)
		}
	}
	if leavesTheMachine(&net.UnixAddr{Name: "/tmp/.s.PGSQL.5432", Net: "unix"}) {
		t.Error("a socket of this machine")
	}
}
