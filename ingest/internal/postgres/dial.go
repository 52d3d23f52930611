package postgres

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A peer may disappear silently (a machine loses power, a firewall drops packets). On an idle connection keepalive
// probes find that out; where data was sent, the missing acknowledgement does. Both sides do this: a server that never
// learns that its client is gone keeps that client's locks. The numbers are guesses: an idle connection is given up
// after half a minute.
const (
	keepAliveIdle     = 15 * time.Second // whole seconds: the server's settings know no less
	keepAliveInterval = 5 * time.Second
	keepAliveCount    = 3

	// connectTimeout bounds connecting to one host, unless the URL has a connect_timeout. If the URL names several
	// hosts, a silent one must not take all of an attempt's time. A guess.
	connectTimeout = 5 * time.Second

	// unansweredDefault is the unanswered (see dial) of connections whose statements have no timeout.
	unansweredDefault = time.Minute
)

// dial returns the function that opens all connections. unanswered is how long sent data may stay unacknowledged. It is
// no less than the longest statement may take, since a server that waits for a lock does not read what is sent
// meanwhile. peer is the user that a server behind a unix socket has to run as; "": any.
func dial(unanswered time.Duration, peer string) pgconn.DialFunc {
	dialer := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount},
		Control: func(network, _ string, c syscall.RawConn) error {
			if !strings.HasPrefix(network, "tcp") {
				return nil // the peer of a unix socket cannot be gone without a word
			}
			var err error
			if failed := c.Control(func(fd uintptr) { err = setUserTimeout(int(fd), unanswered) }); failed != nil {
				return failed
			}
			return err
		},
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if err := checkPeer(c, peer); err != nil {
			_ = c.Close()
			return nil, err
		}
		return &startupConn{Conn: c}, nil
	}
}

// serverTimeouts makes the server use the same timeouts on its side, which it ignores over a unix socket. The text
// begins with a semicolon, since it follows other statements.
//
// transaction_timeout, which Postgres has from 17 on, is switched off. It ends the session, so that a longer migration
// or verification could never complete. What a batch waits for has bounds of its own.
func serverTimeouts(conn *pgconn.PgConn, unanswered time.Duration) string {
	set := fmt.Sprintf("; SET tcp_keepalives_idle = %d; SET tcp_keepalives_interval = %d; SET tcp_keepalives_count = %d; SET tcp_user_timeout = %d",
		int(keepAliveIdle.Seconds()), int(keepAliveInterval.Seconds()), keepAliveCount, Milliseconds(unanswered))
	if major(conn.ParameterStatus("server_version")) >= 17 {
		set += "; SET transaction_timeout = 0"
	}
	return set
}

// major is the major version of a server_version, such as "15.18 (Debian 15.18-0+deb12u1)" or "18beta1"; 0: not known.
func major(version string) int {
	digits := strings.IndexFunc(version+".", func(r rune) bool { return r < '0' || r > '9' })
	n, _ := strconv.Atoi(version[:digits])
	return n
}
