package postgres

import (
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"ingot/internal/certtest"
)

// TestTargetSaysWhere, and no password, which an error of a URL that cannot be understood does not have either, nor a part of
// it.
func TestTargetSaysWhere(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"postgres://u:secret@127.0.0.1:5433/d":        "127.0.0.1:5433, database d, user u",
		"postgres://u:secret@[::1]:5433/d":            "[::1]:5433, database d, user u",
		"host=/run/x user=u dbname=d password=secret": "/run/x, database d, user u",
		"postgres://u:secret@127.0.0.1:none/d":        "?",
		"host=/run/x password = secret port=x":        "?",
		"host=/run/x password= 'a secret' port=x":     "?",
		"host=/run/x password=a secret user=u":        "?",
		"postgres://u:a/b?secret@127.0.0.1:5433/d":    "?",
		"postgres://u:a@secret@127.0.0.1:5433/d":      "?",
		"postgres://u:a@x,secret@127.0.0.1:5433/d":    "?",
		"postgres://u:/secret@127.0.0.1:5433/d":       "?",
		"postgres://u:7/secret@127.0.0.1":             "?",
		"postgres://127.0.0.1/d?password=&secret\n":   "?",
		"postgres://127.0.0.1/a%40b?user=u@v":         "127.0.0.1:5432, database a@b, user u@v",
	} {
		if got := Target(url); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
		if err := CheckURL(url); (err != nil) != (want == "?") || strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestTheURLOfAnotherDriver is told what to begin with. pgx takes one with an = for keywords, of which none says where the
// server is, and would connect to one that listens on this machine.
func TestTheURLOfAnotherDriver(t *testing.T) {
	t.Parallel()
	const other, none, quote = "as another driver wants it", "it does not begin with postgres://, nor with a keyword and an =", "it begins with a quotation mark or a space"
	for url, want := range map[string]string{
		"postgresql+asyncpg://u:secret@127.0.0.1/d?ssl=require":     `it begins with "postgresql+asyncpg://", ` + other,
		"postgresql+psycopg2://u:secret@127.0.0.1/d":                `it begins with "postgresql+psycopg2://", ` + other,
		"postgres+asyncpg://u:sec=ret@127.0.0.1/d":                  `it begins with "postgres+asyncpg://", ` + other,
		"jdbc:postgresql://127.0.0.1:5432/d?user=u&password=secret": `it begins with "jdbc:postgresql://", ` + other,
		"jdbc:postgresql:d?user=u":                                  `it begins with "jdbc:postgresql:", ` + other,
		"POSTGRES://u:secret@127.0.0.1/d":                           `it begins with "POSTGRES://", ` + other,
		"postgres:/u:secret@127.0.0.1/d":                            `it begins with "postgres:/", ` + other,
		"mysql://u:secret@127.0.0.1/d":                              none,
		"u:secret@127.0.0.1:5432/d?sslmode=require":                 none,
		"secret:x@127.0.0.1:5432/d":                                 none,
		`"postgres://u:secret@127.0.0.1/d?sslmode=require"`:         quote,
		" postgres://u:secret@127.0.0.1/d?sslmode=require":          quote,
	} {
		if said := fmt.Sprint(CheckURL(url)); !strings.Contains(said, want) || strings.Contains(said, "sec") {
			t.Errorf("%s: %s, want %s", url, said, want)
		}
	}
	for _, url := range []string{"host=127.0.0.1 password=a://b", "password = 'a:b' host=127.0.0.1", "postgresql://127.0.0.1/d?user=u&password=jdbc:x", "host=::1"} {
		if err := CheckURL(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestAClientKeyThatIsNotTaken is told what to do: pgx knows no key that is encrypted in the newer form, which openssl writes
// today, whatever the sslpassword.
func TestAClientKeyThatIsNotTaken(t *testing.T) {
	t.Parallel()
	cert, key := filepath.Join(t.TempDir(), "cert"), filepath.Join(t.TempDir(), "key")
	pair := certtest.NewAuthority(t).Issue(t, time.Now().Add(time.Hour))
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("secret")})
	if err := errors.Join(os.WriteFile(cert, pair.Cert, 0o600), os.WriteFile(key, encrypted, 0o600)); err != nil {
		t.Fatal(err)
	}
	for with, want := range map[string]string{
		"sslcert=" + cert + "&sslkey=" + key:                         "if sslkey is an ENCRYPTED PRIVATE KEY, write it without its password: openssl pkey -in KEY -out FILE",
		"sslcert=" + cert + "&sslkey=" + key + "&sslpassword=secret": "if sslkey is an ENCRYPTED PRIVATE KEY, write it without its password: openssl pkey -in KEY -out FILE",
		"sslcert=" + cert: "both sslcert and sslkey are required",
	} {
		if said := fmt.Sprint(CheckURL("postgres://127.0.0.1/d?" + with)); !strings.Contains(said, want) || strings.Contains(said, "secret") {
			t.Errorf("%s: %s, want %s", with, said, want)
		}
	}
}

// TestThePasswordOfTheFirstHost, from a file, is that of all hosts: pgx looks for no other. docs/moving.md tells so.
func TestThePasswordOfTheFirstHost(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pgpass")
	if err := os.WriteFile(file, []byte("127.0.0.2:*:*:*:two\n127.0.0.1:*:*:*:one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for hosts, want := range map[string]string{"127.0.0.1,127.0.0.2": "one", "127.0.0.2,127.0.0.1": "two", "127.0.0.3,127.0.0.1": ""} {
		if config, err := parse("postgres://u@" + hosts + "/d?passfile=" + file); err != nil || config.Password != want {
			t.Errorf("%s: %q, %v", hosts, config.Password, err)
		}
	}
}

// TestConnectTimeout is what the URL says. Without one, a host that is silent takes no more than a part of an attempt.
func TestConnectTimeout(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]time.Duration{
		"host=127.0.0.1 connect_timeout=20": 20 * time.Second,
		"host=127.0.0.1":                    connectTimeout,
		"host=127.0.0.1 connect_timeout=0":  connectTimeout,
	} {
		if config, err := parse(url); err != nil || config.ConnectTimeout != want {
			t.Errorf("%s: %v, %v", url, config.ConnectTimeout, err)
		}
		pool, err := OpenPool(url, "test", PoolConfig{Connections: 3, Timeout: time.Second}, PlannedByIndex)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		config := pool.Config()
		if err := config.BeforeConnect(t.Context(), config.ConnConfig); err != nil || config.ConnConfig.ConnectTimeout != want || config.MaxConns != 3 || config.MaxConnLifetime != SessionLifetime {
			t.Errorf("a pool, %s: %v, %d connections for %v, %v", url, config.ConnConfig.ConnectTimeout, config.MaxConns, config.MaxConnLifetime, err)
		}
	}
}

// TestStandbysArePassed where another host may be the primary, unless the URL says what it wants. Where there is none, an
// error that passes would be waited for.
func TestStandbysArePassed(t *testing.T) {
	t.Parallel()
	of := func(validate pgconn.ValidateConnectFunc) uintptr { return reflect.ValueOf(validate).Pointer() }
	ours, err := parse("host=127.0.0.1,127.0.0.2")
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]uintptr{
		"host=127.0.0.1 sslmode=prefer":                                of(nil), // which is one host, asked in two ways
		"host=127.0.0.1,127.0.0.1":                                     of(nil),
		"host=127.0.0.1,127.0.0.1 port=5432,5433":                      of(ours.ValidateConnect),
		"host=127.0.0.1,127.0.0.2 sslmode=disable":                     of(ours.ValidateConnect),
		"host=127.0.0.1,127.0.0.2 target_session_attrs=prefer-standby": of(pgconn.ValidateConnectTargetSessionAttrsPreferStandby),
		"host=127.0.0.1,127.0.0.2 target_session_attrs=read-only":      of(pgconn.ValidateConnectTargetSessionAttrsReadOnly),
	} {
		if config, err := parse(url); err != nil || of(config.ValidateConnect) != want {
			t.Errorf("%s: %v", url, err)
		}
	}
	if ours.ValidateConnect == nil {
		t.Error("a standby is taken for the primary")
	}
}

// TestNoCancelRequest is sent by a connection that breaks: it would end the wait of a COMMIT for a standby, and what could still be
// lost would be there for readers.
func TestNoCancelRequest(t *testing.T) {
	t.Parallel()
	conn, err := Connect(t.Context(), database(t), setupOpen, unansweredDefault, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer Discard(conn)
	if err := conn.CancelRequest(t.Context()); !errors.Is(err, errNoSecondDial) {
		t.Errorf("got %v", err)
	}
}

// TestTimeoutsAreNeverNone: 0 would be none to Postgres.
func TestTimeoutsAreNeverNone(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]int64{0: 1, time.Microsecond: 1, 1999 * time.Microsecond: 1, 2 * time.Second: 2000} {
		if got := Milliseconds(d); got != want {
			t.Errorf("%v: %d", d, got)
		}
	}
}

// TestNotUpYet: what may pass by itself is waited for, and what somebody has to mend is told at once.
func TestNotUpYet(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"57P03": true,  // cannot_connect_now
		"57P01": true,  // admin_shutdown
		"53300": true,  // too_many_connections
		"53100": true,  // disk_full
		"55P03": true,  // lock_not_available
		"08P01": true,  // protocol_violation, which is what PgBouncer says where it has no server
		"28P01": false, // invalid_password
		"3D000": false, // invalid_catalog_name
		"42501": false, // insufficient_privilege
		"55000": false, // object_not_in_prerequisite_state
	} {
		if err := fmt.Errorf("open: %w", &pgconn.PgError{Code: code}); NotUpYet(err) != want || SQLState(err) != code {
			t.Errorf("%s passes: %v", code, !want)
		}
	}
	if NotUpYet(errors.New("no table")) || NotUpYet(ErrStandby) || SQLState(ErrStandby) != "" {
		t.Error("an error that the server did not send passes by itself")
	}
}

// TestSafe: every setting that a COMMIT relies on counts.
func TestSafe(t *testing.T) {
	t.Parallel()
	for d, want := range map[Durability]bool{
		{Fsync: "on", FullPageWrites: "on", SynchronousCommit: "on"}:           true,
		{Fsync: "on", FullPageWrites: "on", SynchronousCommit: "remote_apply"}: true,
		{Fsync: "off", FullPageWrites: "on", SynchronousCommit: "on"}:          false,
		{Fsync: "on", FullPageWrites: "off", SynchronousCommit: "on"}:          false,
		{Fsync: "on", FullPageWrites: "on", SynchronousCommit: "off"}:          false,
	} {
		if d.Safe() != want {
			t.Errorf("%+v is safe: %v", d, !want)
		}
	}
}
