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

// A peer that is gone without a word (a machine without power, a firewall that drops)
// is found by keepalive probes while the connection is idle, and by the lack of an
// acknowledgement while something was sent. Both sides look: a server that never
// learns that its client is gone holds the locks of that client. Guesses: an idle
// connection is given up after half a minute.
const (
	keepAliveIdle     = 15 * time.Second // seconds: the server's settings know no less
	keepAliveInterval = 5 * time.Second
	keepAliveCount    = 3

	// connectTimeout bounds the connecting to one host, unless the URL says
	// connect_timeout: with several hosts in the URL a silent one must not take all of
	// an attempt's time. A guess.
	connectTimeout = 5 * time.Second

	// unansweredDefault is for connections that nobody waits for with a time limit.
	unansweredDefault = time.Minute
)

// dial returns the dial function of all connections. unanswered is how long what was
// sent may stay without an acknowledgement: no less than the longest statement, since
// a server that waits for a lock does not read what is sent meanwhile.
func dial(unanswered time.Duration) pgconn.DialFunc {
	dialer := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount},
		Control: func(network, _ string, c syscall.RawConn) error {
			if !strings.HasPrefix(network, "tcp") {
				return nil // a unix socket's peer cannot go without a word
			}
			var err error
			if failed := c.Control(func(fd uintptr) { err = setUserTimeout(int(fd), unanswered) }); failed != nil {
				return failed
			}
			return err
		},
	}
	return dialer.DialContext
}

// serverTimeouts say the same to the server; over a unix socket it ignores them. They
// follow other statements.
//
// transaction_timeout, which Postgres has from 17 on, is taken back: it ends the session, so that a migration or a
// verification that takes longer could never be done, and what a batch waits for has bounds of its own.
func serverTimeouts(conn *pgconn.PgConn, unanswered time.Duration) string {
	set := fmt.Sprintf("; SET tcp_keepalives_idle = %d; SET tcp_keepalives_interval = %d; SET tcp_keepalives_count = %d; SET tcp_user_timeout = %d",
		int(keepAliveIdle.Seconds()), int(keepAliveInterval.Seconds()), keepAliveCount, milliseconds(unanswered))
	if major(conn.ParameterStatus("server_version")) >= 17 {
		set += "; SET transaction_timeout = 0"
	}
	return set
}

// major of a version as servers tell it: 15.18 (Debian 15.18-0+deb12u1), 18beta1. 0: not known.
func major(version string) int {
	digits := strings.IndexFunc(version+".", func(r rune) bool { return r < '0' || r > '9' })
	n, _ := strconv.Atoi(version[:digits])
	return n
}

// orConnectTimeout is the URL's, or ours.
func orConnectTimeout(ofURL time.Duration) time.Duration {
	if ofURL > 0 {
		return ofURL
	}
	return connectTimeout
}

// dialOnce lets one connection attempt over all hosts of the URL pass and refuses
// once the session is up (closed is set).
func dialOnce(closed *bool, next pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if *closed {
			return nil, errNoSecondDial
		}
		return next(ctx, network, addr)
	}
}
