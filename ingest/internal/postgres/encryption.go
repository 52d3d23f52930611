package postgres

import (
	"crypto/tls"
	"net"
)

// encryption tells whether a connection is encrypted, and, if it is not, whether it is exposed: whether it leaves this machine. pgx
// encrypts where the server offers that, and goes on in plaintext where it does not, unless the URL has an sslmode.
func encryption(c net.Conn) (encrypted, exposed bool) {
	if _, encrypted := c.(*tls.Conn); encrypted {
		return true, false
	}
	return false, leavesTheMachine(c.RemoteAddr())
}

func leavesTheMachine(to net.Addr) bool {
	tcp, ok := to.(*net.TCPAddr)
	return ok && !tcp.IP.IsLoopback()
}
