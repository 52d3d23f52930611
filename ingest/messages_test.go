package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"ingot/internal/pgtest"
)

// TestAddressesAreNamed: what is wrong with an address names its flag, and the variable.
func TestAddressesAreNamed(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = listen("--listen", taken.Addr().String())
	wantSaid(t, err, "is in use", "--listen", "INGOT_LISTEN")
	_, err = serveDebug(taken.Addr().String(), zap.NewNop())
	wantSaid(t, err, "is in use", "--debug-listen", "INGOT_DEBUG_LISTEN")
	_, err = listen("--listen", "[fe80::1%lo]:0") // no interface has it
	wantSaid(t, err, "[fe80::1%lo]", "choose an address of this machine", "--listen", "INGOT_LISTEN")
	_, err = listen("--listen", ":")
	wantSaid(t, err, `--listen ":"`, "127.0.0.1:8080")
	for _, wrong := range []string{"8081", "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:8081x"} {
		_, err = listen("--listen", wrong)
		wantSaid(t, err, fmt.Sprintf("--listen %q", wrong), "127.0.0.1:8080")
		if !errors.As(err, new(wrongSetting)) {
			t.Errorf("%v is a wrong flag", err)
		}
	}
}

// TestAFolderIsNamed: what is wrong with a data folder names its flag, and the variable.
func TestAFolderIsNamed(t *testing.T) {
	t.Parallel()
	_, err := startPrivate(t.Context(), os.DevNull, zap.NewNop())
	wantSaid(t, err, os.DevNull, "--data-dir", "INGOT_DATA_DIR")
}

// TestAFilterForTestsIsTold: what is wrong on purpose is not taken for use without a word.
func TestAFilterForTestsIsTold(t *testing.T) {
	t.Parallel()
	for bloom, want := range map[string]int{"on": 0, "off": 0, "always-yes": 1, "always-no": 1, "corrupted": 1} {
		core, logs := observer.New(zapcore.WarnLevel)
		c := config{Bloom: bloom, BloomCapacity: 1000, BloomGenerations: 2, BloomFalsePositive: .01}
		if _, err := openFilter(c, zap.New(core)); err != nil {
			t.Errorf("%s: %v", bloom, err)
		}
		if told := logs.FilterMessageSnippet("--bloom (INGOT_BLOOM)").Len(); told != want {
			t.Errorf("%s: %d warnings, want %d", bloom, told, want)
		}
	}
}

// TestExitCodes is not parallel: it sets a variable of the process.
func TestExitCodes(t *testing.T) {
	for want, lines := range map[int][][]string{
		exitUsage: {{"--nothing"}, {"--max-body=x"}, {"--max-body=0"}, {"--queue-events=1"}, {"--tls-cert=x"}, {"key", "a b", "read", "--keys-file=/none/at/all"}, {"key", "a", "write", "--keys-file=/none/at/all"}, {"key", "a", "publish", "--events-per-second=0", "--keys-file=/none/at/all"}, {"key", "a", "read", "--topics=", "--keys-file=/none/at/all"}, {"key", "a", "read", "--topics=a*b", "--keys-file=/none/at/all"}, {"key", "a", "watch", "--topics=a", "--keys-file=/none/at/all"}, {"--database-url=mysql://x"}, {"verify", "--database-url=foo"}, {"healthcheck", "--listen=foo"}, {"healthcheck", "--listen=127.0.0.1:"}},
		1:         {{"healthcheck", "--listen=127.0.0.1:0"}, {"verify", "--data-dir=" + filepath.Join(t.TempDir(), "typo")}},
	} {
		for _, line := range lines {
			if got := command(line); got != want {
				t.Errorf("%q: %d, want %d", line, got, want)
			}
		}
	}
	t.Setenv("INGOT_MAX_BODY", "x")
	if got := command(nil); got != exitUsage {
		t.Errorf("a variable: %d", got)
	}
}

// TestAnEmptyNameIsRefused is not parallel: it sets variables of the process.
func TestAnEmptyNameIsRefused(t *testing.T) {
	for _, name := range []string{"INGOT_KEYS_FILE", "INGOT_TLS_CERT", "INGOT_TLS_KEY", "INGOT_ALLOWED_HOSTS", "INGOT_DATA_DIR", "DATABASE_URL"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "")
			_, err := parse(t)
			wantSaid(t, err, name, "it is empty: leave it out, or give a value")
		})
	}
	for _, line := range [][]string{{"--allowed-hosts="}, {"--allowed-hosts=a,"}, {"--data-dir="}, {"verify", "--data-dir="}} {
		_, err := parse(t, line...)
		wantSaid(t, err, "it is empty: leave it out, or give a value")
	}
	if got := command([]string{"key", "a", "read", "--keys-file="}); got != exitUsage {
		t.Errorf("a key for no file: %d", got)
	}
}

// TestTheDatabaseByAWrongName ends the start: all other variables begin with INGOT_, and without DATABASE_URL the events would go
// into a private Postgres.
func TestTheDatabaseByAWrongName(t *testing.T) {
	t.Parallel()
	serve := []string{"--listen=127.0.0.1:0", "--database-wait=0s", "--data-dir=" + os.DevNull}
	const wrong, named = "INGOT_DATABASE_URL=postgres://127.0.0.1:1/d", "DATABASE_URL=postgres://127.0.0.1:1/d"
	for _, c := range []struct {
		environment, args []string
		exit              int
		want              string
	}{
		{[]string{wrong}, serve, exitUsage, "ingest: INGOT_DATABASE_URL is no setting: set DATABASE_URL"},
		{[]string{wrong, named}, serve, 1, "ingest: open the database (127.0.0.1:1, database d"},
		{[]string{wrong}, []string{"verify"}, exitUsage, "ingest: INGOT_DATABASE_URL is no setting: set DATABASE_URL"},
	} {
		ingest := exec.CommandContext(t.Context(), os.Args[0], c.args...)
		ingest.Env = append(c.environment, asIngest+"=1")
		said, _ := ingest.CombinedOutput()
		if got := ingest.ProcessState.ExitCode(); got != c.exit || !strings.Contains(string(said), c.want) {
			t.Errorf("%v %v: exit code %d, want %d and %q:\n%s", c.environment, c.args, got, c.exit, c.want, said)
		}
	}
}

// TestHealthcheckSaysWhy: by the problem document, if there is one.
func TestHealthcheckSaysWhy(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"title":"No database","detail":"the database does not answer"}`: "503 Service Unavailable: the database does not answer",
		`<html>`: "503 Service Unavailable",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, body)
		}))
		defer server.Close()
		c := healthcheckCommand{Listen: strings.TrimPrefix(server.URL, "http://"), Timeout: time.Minute}
		if err := c.Run(); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v, want .. %s", err, want)
		}
	}
}

// TestVerifyMakesNoDatabase of a name that was mistyped.
func TestVerifyMakesNoDatabase(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "typo")
	wantSaid(t, (&verifyCommand{DataDir: folder}).Run(), folder, "--data-dir")
	if found, _ := filepath.Glob(folder); found != nil {
		t.Errorf("%s was made", folder)
	}
}

// TestVerifyEndsWithAnError once the tables do not agree, and where there are none.
func TestVerifyEndsWithAnError(t *testing.T) {
	t.Parallel()
	c, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	url := pgtest.New(t)
	verify := func(exit int, want string) {
		t.Helper()
		verify := exec.CommandContext(t.Context(), os.Args[0], "verify", "--database-url="+url)
		verify.Env = append(os.Environ(), asIngest+"=1")
		said, _ := verify.CombinedOutput()
		if got := verify.ProcessState.ExitCode(); got != exit || !strings.Contains(string(said), want) {
			t.Errorf("exit code %d, want %d and %q:\n%s", got, exit, want, said)
		}
	}
	verify(1, "ingest: verify ")
	c.Serve.Listen, c.Serve.DatabaseURL, c.Serve.AllowUnsafe = "127.0.0.1:0", url, true
	t.Run("a server", func(t *testing.T) {
		send(t, start(t, c.Serve.config), `{"topic":"t","event_id":"1","source":"s","timestamp":"2026-01-01T00:00:00Z","payload":1}`)
	})
	verify(0, "every invariant holds")
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "DELETE FROM ingot.events"); err != nil {
		t.Fatal(err)
	}
	verify(1, "invariants do not hold")
}

func wantSaid(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v: no %q", err, word)
		}
	}
}
