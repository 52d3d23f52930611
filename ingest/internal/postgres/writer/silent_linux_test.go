package writer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/storetest"
	"ingot/internal/pgtest"
)

// TestSilentPeersAreNoticed: both ends of every connection over TCP look whether the
// other is still there, for as long as a statement may take.
func TestSilentPeersAreNoticed(t *testing.T) {
	t.Parallel()
	url := overTCP(t)
	if _, err := postgres.Open(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	w := New(url, PathAuto, Timeouts{Statement: 7 * time.Second, Lock: time.Second}, uuid.New(), zap.NewNop())
	t.Cleanup(w.Close)
	storetest.Merge(t, w, "a")
	pool, err := postgres.OpenPool(url, "test", postgres.PoolConfig{Connections: 1, Timeout: 9 * time.Second}, postgres.PlannedByIndex)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	pooled, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer pooled.Release()
	for name, c := range map[string]struct {
		conn       *pgconn.PgConn
		unanswered int
	}{"writer": {w.session.conn, 7000}, "pool": {pooled.Conn().PgConn(), 9000}} {
		want := [4]int{c.unanswered, 15, 5, 3}
		if got := socketOptions(t, c.conn.Conn()); got != want {
			t.Errorf("%s, our side: %v, want %v", name, got, want)
		}
		if got := serverSettings(t, c.conn); got != fmt.Sprint(want) {
			t.Errorf("%s, the server's side: %v, want %v", name, got, want)
		}
	}
}

// overTCP starts a server that listens on a loopback address of its own: the port is
// the one that its socket is named by.
func overTCP(t *testing.T) (url string) {
	t.Helper()
	address := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	server := pgtest.DurableWith(t, map[string]string{"listen_addresses": address})
	rules, err := filepath.Glob(filepath.Join(server.DataDir(), "*", "pg_hba.conf"))
	if err != nil || len(rules) != 1 {
		t.Fatal(rules, err)
	}
	if err := os.WriteFile(rules[0], []byte("local all all trust\nhost all all 127.0.0.0/8 trust\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	conn := pgtest.Client(t, server.URL())
	pgtest.Exec(t, conn, "SELECT pg_reload_conf()")
	url = fmt.Sprintf("host=%s port=5432 user=%s dbname=%s sslmode=disable", address, conn.Config().User, conn.Config().Database)
	end := time.Now().Add(time.Minute)
	for { // the postmaster reads its rules anew when it comes to it
		c, err := pgconn.Connect(context.Background(), url)
		if err == nil {
			_ = c.Close(context.Background())
			return url
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func socketOptions(t *testing.T, conn net.Conn) (got [4]int) {
	t.Helper()
	for i := 0; i < 3 && reflect.TypeOf(conn) != reflect.TypeFor[*net.TCPConn](); i++ { // what it is wrapped in calls it Conn
		conn = reflect.ValueOf(conn).Elem().FieldByName("Conn").Interface().(net.Conn)
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		for i, option := range []int{unix.TCP_USER_TIMEOUT, unix.TCP_KEEPIDLE, unix.TCP_KEEPINTVL, unix.TCP_KEEPCNT} {
			got[i], _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, option)
		}
		if on, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE); on == 0 {
			t.Error("keepalive is off")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func serverSettings(t *testing.T, conn *pgconn.PgConn) string {
	t.Helper()
	results, err := conn.Exec(t.Context(), `SELECT format('[%s %s %s %s]', current_setting('tcp_user_timeout'),
		current_setting('tcp_keepalives_idle'), current_setting('tcp_keepalives_interval'), current_setting('tcp_keepalives_count'))`).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return string(results[0].Rows[0][0])
}
