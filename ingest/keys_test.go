package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"ingot/ingest/internal/keys"
	"ingot/internal/pgtest"
)

// made is a new key in a file.
func made(t *testing.T, path, name string, rights ...string) (key string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := keyCommand{Name: name, Rights: rights, File: path}
	if err := c.run(&stdout, &stderr); err != nil || !strings.Contains(stderr.String(), path) {
		t.Fatalf("%v: %s", err, &stderr)
	}
	key, end, _ := strings.Cut(stdout.String(), "\n")
	if end != "" || !strings.HasPrefix(key, "ingot_") {
		t.Fatalf("stdout has more or less than a key: %q", &stdout)
	}
	return key
}

// TestServerWithKeys runs a whole server: a key that is added or taken out while it runs counts, without a
// restart, and what has no key is still told whether the server is well.
func TestServerWithKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	first := made(t, path, "shop", "publish")
	c, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	c.Serve.Listen, c.Serve.DatabaseURL, c.Serve.AllowUnsafe, c.Serve.KeysFile = "127.0.0.1:0", pgtest.New(t), true, path
	base, changed := startAwaiting(t, c.Serve.config, "the keys have changed")
	publish := func(key string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/publish", strings.NewReader(`{"topic":"t","event_id":"1","source":"s","timestamp":"2026-01-01T00:00:00Z","payload":1}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		return statusOf(t, r)
	}
	if none, with := publish(""), publish(first); none != 401 || with != 200 {
		t.Errorf("without a key %d, with it %d", none, with)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	second := made(t, path, "shop", "publish")
	<-changed
	if old, added := publish(first), publish(second); old != 200 || added != 200 {
		t.Errorf("with both in the file: %d and %d", old, added)
	}
	both, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, both[len(text):], 0o600); err != nil {
		t.Fatal(err)
	}
	<-changed
	if old, added := publish(first), publish(second); old != 401 || added != 200 {
		t.Errorf("with the first taken out: %d and %d", old, added)
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(base, "http://"))
	if err := (&healthcheckCommand{Listen: "127.0.0.1:" + port, Timeout: time.Minute}).Run(); err != nil {
		t.Error(err)
	}
}

// TestServerWithARate runs a whole server: a key that has sent its share is told when to come again, and then its events are taken.
func TestServerWithARate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	c, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if err := (&keyCommand{Name: "shop", Rights: []string{"publish"}, File: path, Rate: new(1)}).run(&stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	c.Serve.Listen, c.Serve.DatabaseURL, c.Serve.AllowUnsafe, c.Serve.KeysFile = "127.0.0.1:0", pgtest.New(t), true, path
	base := start(t, c.Serve.config)
	publish := func(events string) (status int, retryAfter string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/publish", strings.NewReader(events))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(stdout.String()))
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode, response.Header.Get("Retry-After")
	}
	const event = `{"topic":"t","event_id":"%d","source":"s","timestamp":"2026-01-01T00:00:00Z","payload":1}`
	many := make([]string, 3600) // an hour's
	for i := range many {
		many[i] = fmt.Sprintf(event, i)
	}
	if status, _ := publish("[" + strings.Join(many[:2], ",") + "]"); status != 200 {
		t.Fatalf("two events: %d", status)
	}
	for {
		status, after := publish(many[2])
		if status == 200 {
			break
		}
		seconds, err := strconv.Atoi(after)
		if status != 429 || err != nil || seconds < 1 || seconds > 2 {
			t.Fatalf("the third event: %d, Retry-After %q", status, after)
		}
		time.Sleep(time.Duration(seconds) * time.Second)
	}
	for status := 0; status != 200; time.Sleep(100 * time.Millisecond) { // all at once, when nothing is owed
		if status, _ = publish("[" + strings.Join(many, ",") + "]"); status != 200 && status != 429 {
			t.Fatalf("many events: %d", status)
		}
	}
	if status, after := publish(many[0]); status != 429 || len(after) != 4 {
		t.Errorf("behind an hour's events: %d, Retry-After %q", status, after)
	}
}

func statusOf(t *testing.T, r *http.Request) int {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// TestKeysThatCannotBeRead end the start: a server that is thought to be locked is not opened.
func TestKeysThatCannotBeRead(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(broken, []byte("shop publish\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{broken: "line 1: expected three parts", filepath.Join(t.TempDir(), "none"): "no such file"} {
		err := run(t.Context(), config{Listen: "127.0.0.1:0", KeysFile: path}, zap.NewNop())
		wantSaid(t, err, "--keys-file: "+path, want)
		if !errors.As(err, new(wrongSetting)) {
			t.Errorf("%v is a wrong flag", err)
		}
	}
}

// TestKeysThatChangeAreTold, and so is a file that cannot be read any more, and one without a key.
func TestKeysThatChangeAreTold(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	made(t, path, "shop", "publish")
	file, err := keys.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zapcore.InfoLevel)
	look := func(want string) {
		t.Helper()
		refreshKeys(file, zap.New(core))
		said := ""
		for _, entry := range logs.TakeAll() {
			said += entry.Level.String() + ": " + entry.Message
		}
		if said != want {
			t.Errorf("said %q, want %q", said, want)
		}
	}
	look("")
	made(t, path, "shop", "publish")
	look("info: the keys have changed")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	look("warn: cannot reload the keys file, the previous keys stay valid")
	look("warn: the last key was removed: nobody can publish, read or watch until a key is added")
	look("")
}

// TestAFileThatAnybodyWrites is told of: whoever adds a line has a key.
func TestAFileThatAnybodyWrites(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	made(t, path, "shop", "publish")
	for mode, told := range map[os.FileMode]int{0o644: 0, 0o666: 1} {
		if err := os.Chmod(path, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
		core, logs := observer.New(zapcore.WarnLevel)
		_, stop, err := openKeys(path, zap.New(core))
		if err != nil {
			t.Fatal(err)
		}
		stop()
		if n := logs.FilterMessageSnippet("can write to the keys file").Len(); n != told {
			t.Errorf("mode %o: told %d times, want %d", mode, n, told)
		}
	}
}

// TestOpenDoorsAreTold: once others than this machine can reach a server without keys.
func TestOpenDoorsAreTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		address, keys string
		told          int
	}{
		{"127.0.0.1:1", "", 0}, {"[::1]:1", "", 0}, {"0.0.0.0:1", "", 1}, {"[::]:1", "", 1}, {"192.0.2.1:1", "", 1}, {"0.0.0.0:1", "f", 0},
	} {
		at, err := net.ResolveTCPAddr("tcp", c.address)
		if err != nil {
			t.Fatal(err)
		}
		core, logs := observer.New(zapcore.WarnLevel)
		warnOfOpenDoors(at, config{KeysFile: c.keys}, zap.New(core))
		if n := logs.FilterMessageSnippet("--keys-file").Len(); n != c.told {
			t.Errorf("%+v: told %d times", c, n)
		}
	}
}

// TestKeyThatIsNotShown: whoever has not seen the key is told what to take out again.
func TestKeyThatIsNotShown(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	c := keyCommand{Name: "a", Rights: []string{"read"}, File: path}
	err := c.run(fullDisk{}, new(bytes.Buffer))
	wantSaid(t, err, "no space", "remove the last line from "+path)
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space") }
