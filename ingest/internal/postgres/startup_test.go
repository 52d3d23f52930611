package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// TestAPostmasterWithoutAProcess says so in its own words, to whoever connects, with and without TLS.
func TestAPostmasterWithoutAProcess(t *testing.T) {
	t.Parallel()
	const text = "could not fork new process for connection: Cannot allocate memory"
	full, err := (&pgproto3.ErrorResponse{Severity: "FATAL", Code: "53300", Message: "sorry, too many clients already"}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	for answer, want := range map[string]string{
		"E" + text + "\n\x00":                text,
		"E" + text[:20]:                      text[:20],
		"E" + strings.Repeat("x", 100_000):   "xxx",
		"E" + "Prozess zu starten: \xfc\x00": "Prozess zu starten: ?",
		"E" + "co":                           "unexpected EOF",
		"":                                   "EOF",
		string(full):                         "sorry, too many clients already",
	} {
		address := answering(t, answer)
		for _, mode := range []string{"disable", "prefer", "require"} {
			if mode == "require" && answer == string(full) {
				continue // pgx takes any answer but yes for a no
			}
			url := "postgres://u@" + address + "/d?sslmode=" + mode
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			_, err := Open(ctx, url)
			said(t, mode+", "+answer[:min(len(answer), 80)], err, want)
			p, failed := OpenPool(url, "test", PoolConfig{Connections: 1, Timeout: time.Second}, PlannedByIndex)
			if failed != nil {
				t.Fatal(failed)
			}
			said(t, "a pool, "+mode+", "+answer[:min(len(answer), 80)], p.Ping(ctx), want)
			p.Close()
		}
	}
}

// said wants an error that passes, and that has the server's words.
func said(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 4*longestText || !NotUpYet(err) {
		t.Errorf("%s: %.500v", what, err)
	}
	var pgErr *pgconn.PgError
	if known := strings.HasPrefix(want, "sorry"); errors.As(err, &pgErr) != known {
		t.Errorf("%s: %#v", what, pgErr)
	}
}

// answering is a server that gives each connection the same answer and ends it.
func answering(t *testing.T, answer string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, answer)
			_ = c.(*net.TCPConn).CloseWrite()
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// TestAPoolerWithoutAServer welcomes whoever connects. Then it lets them wait for the server, hangs up, or says that there is
// none, as PgBouncer does: each passes by itself, and is told while it lasts.
func TestAPoolerWithoutAServer(t *testing.T) {
	t.Parallel()
	for what, answer := range map[string]*pgproto3.ErrorResponse{
		"deadline": nil,
		"lost":     {},
		"failing":  {Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "08P01", Message: "server login has been failing"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := Open(ctx, welcoming(t, answer))
			if err == nil || !NotUpYet(err) || !strings.Contains(err.Error(), what) || ctx.Err() != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

// welcoming is such a pooler. It answers the first statement: nil leaves it without an answer.
func welcoming(t *testing.T, answer *pgproto3.ErrorResponse) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-ended })
	go func() { // ends with its one client
		defer close(ended)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		client := pgproto3.NewBackend(conn, conn)
		_, _ = client.ReceiveStartupMessage()
		client.Send(&pgproto3.AuthenticationOk{})
		client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		_ = client.Flush()
		_, _ = client.Receive()
		if answer == nil {
			_, _ = io.Copy(io.Discard, conn)
		} else if answer.Code != "" {
			client.Send(answer)
			_ = client.Flush()
		}
	}()
	return "postgres://u@" + l.Addr().String() + "/d?sslmode=disable"
}
