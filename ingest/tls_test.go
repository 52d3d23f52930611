package main

import (
	"bufio"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"ingot/internal/buildtest"
	"ingot/internal/certtest"
	"ingot/internal/pgtest"
)

// files are the two of a pair, in a folder of their own.
type files struct{ cert, key string }

func filesIn(folder string) files {
	return files{filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")}
}

func (f files) write(t *testing.T, p certtest.Pair) {
	t.Helper()
	put(t, f.cert, p.Cert)
	put(t, f.key, p.Key)
}

func put(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// watched is a certificate as startTLS follows it, in a bubble of fake time.
type watched struct {
	*tls.Config
	logs *observer.ObservedLogs
	t    *testing.T
}

func watch(t *testing.T, f files) *watched {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	secure, stop, err := startTLS(config{TLSCert: f.cert, TLSKey: f.key}, prometheus.NewRegistry(), zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return &watched{secure, logs, t}
}

// after some looks at the files this pair is served, and so many lines tell of one that is none.
func (w *watched) after(rule string, want certtest.Pair, warnings int) {
	w.t.Helper()
	time.Sleep(3 * filesPeriod)
	synctest.Wait() // for the last of them
	got, err := w.GetCertificate(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if !got.Leaf.Equal(want.Certificate(w.t).Leaf) {
		w.t.Errorf("%s: another certificate is served", rule)
	}
	if n := w.logs.FilterMessageSnippet("cannot reload the certificate").Len(); n != warnings {
		w.t.Errorf("%s: %d warnings, want %d", rule, n, warnings)
	}
}

// TestACertificateIsRenewed: as it is done by hand, by Let's Encrypt and by Kubernetes; what is no pair, or
// not there, is told once and changes nothing.
func TestACertificateIsRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		authority := certtest.NewAuthority(t)
		issue := func() certtest.Pair { return authority.Issue(t, time.Now().Add(90*24*time.Hour)) }
		a, b, c, d := issue(), issue(), issue(), issue()
		top := t.TempDir()
		first, second, link := filepath.Join(top, "1"), filepath.Join(top, "2"), filepath.Join(top, "data")
		for _, folder := range []string{first, second} {
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(first, link); err != nil {
			t.Fatal(err)
		}
		f := filesIn(link)
		f.write(t, a)
		w := watch(t, f)
		w.after("as it is", a, 0)
		put(t, f.key, b.Key)
		w.after("half of it", a, 1)
		put(t, f.cert, b.Cert)
		w.after("the other half", b, 1)
		put(t, f.cert, b.Cert[:len(b.Cert)/2])
		w.after("half a file", b, 2)
		put(t, f.cert, []byte("nonsense"))
		w.after("nonsense", b, 3)
		f.write(t, c)
		w.after("written over", c, 3)

		filesIn(second).write(t, d)
		swap := filepath.Join(top, "swap")
		if err := errors.Join(os.Symlink(second, swap), os.Rename(swap, link)); err != nil {
			t.Fatal(err)
		}
		w.after("a link that was swapped", d, 3)
		if err := os.Remove(f.key); err != nil {
			t.Fatal(err)
		}
		w.after("no file", d, 4)
		f.write(t, a)
		w.after("put back", a, 4)
		if said := fmt.Sprint(w.logs.FilterMessageSnippet("cannot reload the certificate").All()); !strings.Contains(said, "--tls-key (INGOT_TLS_KEY): open "+f.key) {
			t.Errorf("of the file that was not there: %s", said)
		}
		if n := w.logs.FilterMessageSnippet("expire").Len(); n != 0 {
			t.Errorf("%d warnings of certificates that are good for months", n)
		}
	})
}

// TestACertificateThatExpires is told each day of its last week, when it has expired, and on; one that takes
// its place is looked at anew.
func TestACertificateThatExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		authority := certtest.NewAuthority(t)
		f := filesIn(t.TempDir())
		begun := time.Now()
		f.write(t, authority.Issue(t, begun.Add(36*time.Hour)))
		w := watch(t, f)
		told := func() (text string) {
			for _, e := range w.logs.FilterMessageSnippet("certificate").FilterLevelExact(zapcore.WarnLevel).All() {
				word := "soon"
				if strings.Contains(e.Message, "has expired") {
					word = "expired"
				}
				text += fmt.Sprintf("%s %v, ", word, e.Time.Sub(begun).Round(time.Hour))
			}
			return text
		}
		time.Sleep(61 * time.Hour)
		synctest.Wait()
		if got := told(); got != "soon 0s, soon 24h0m0s, expired 36h0m0s, expired 60h0m0s, " {
			t.Errorf("told %s", got)
		}
		f.write(t, authority.Issue(t, time.Now().Add(time.Hour)))
		time.Sleep(3 * filesPeriod)
		synctest.Wait()
		if got := told(); !strings.HasSuffix(got, "expired 60h0m0s, soon 61h0m0s, ") {
			t.Errorf("of the next one: told %s", got)
		}
	})
}

// TestASessionEndsWithItsCertificate: a client that resumes one is shown none, so one from before a renewal would keep the
// old certificate for a week.
func TestASessionEndsWithItsCertificate(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { renewBetweenSessions(t, version) })
		})
	}
}

func renewBetweenSessions(t *testing.T, version uint16) {
	authority := certtest.NewAuthority(t)
	issue := func() certtest.Pair { return authority.Issue(t, time.Now().Add(90*24*time.Hour)) }
	f, old, renewed := filesIn(t.TempDir()), issue(), issue()
	f.write(t, old)
	w := watch(t, f)
	trusts := authority.Client()
	trusts.MaxVersion, trusts.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
	again := func(rule string, resumes bool, shown certtest.Pair) {
		t.Helper()
		got := meet(t, w.Config, trusts)
		if got.DidResume != resumes || !got.PeerCertificates[0].Equal(shown.Certificate(t).Leaf) {
			t.Errorf("%s: resumed %v, certificate %v", rule, got.DidResume, got.PeerCertificates[0].SerialNumber)
		}
	}
	again("the first time", false, old)
	again("the second time", true, old)
	time.Sleep(30 * time.Hour) // by then crypto/tls has another key for its tickets
	again("the next day", true, old)
	again("with another ticket", true, old)
	f.write(t, renewed)
	time.Sleep(3 * filesPeriod)
	again("after a renewal", false, renewed)
	again("after that", true, renewed)
}

// meet connects the two, and says how the client did.
func meet(t *testing.T, server, client *tls.Config) tls.ConnectionState {
	t.Helper()
	ours, theirs := net.Pipe()
	c := tls.Client(theirs, client)
	defer c.Close()
	served := make(chan error)
	go func() { // ends with the connection, awaited below
		s := tls.Server(ours, server)
		_, err := s.Write([]byte("x")) // tickets come before it
		served <- err
		_ = s.Close()
	}()
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	return c.ConnectionState()
}

// TestAKeyThatAnyUserMayRead is told, once for each that is read.
func TestAKeyThatAnyUserMayRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		authority := certtest.NewAuthority(t)
		for mode, want := range map[os.FileMode]int{0o600: 0, 0o640: 0, 0o644: 2, 0o602: 2} {
			f := filesIn(t.TempDir())
			f.write(t, authority.Issue(t, time.Now().Add(90*24*time.Hour)))
			if err := os.Chmod(f.key, mode); err != nil {
				t.Fatal(err)
			}
			w := watch(t, f)
			time.Sleep(3 * filesPeriod)
			synctest.Wait() // for the last of these looks, which is not to meet half of the next pair
			renewed := authority.Issue(t, time.Now().Add(90*24*time.Hour))
			f.write(t, renewed)
			w.after(fmt.Sprint(mode), renewed, 0)
			if n := w.logs.FilterMessageSnippet("any user of this machine").Len(); n != want {
				t.Errorf("%v: %d warnings, want %d", mode, n, want)
			}
		}
	})
}

// TestWrongCertificates are wrong settings, named with their flag and file, and end the start at once.
func TestWrongCertificates(t *testing.T) {
	t.Parallel()
	authority := certtest.NewAuthority(t)
	good, other := authority.Issue(t, time.Now().Add(time.Hour)), authority.Issue(t, time.Now().Add(time.Hour))
	sealed := func(kind string, headers map[string]string) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: []byte("sealed")})
	}
	for rule, c := range map[string]struct {
		pair certtest.Pair
		says string
	}{
		"no files":              {certtest.Pair{}, "--tls-cert (INGOT_TLS_CERT): open"},
		"no key":                {certtest.Pair{Cert: good.Cert}, "--tls-key (INGOT_TLS_KEY): open"},
		"another's key":         {certtest.Pair{Cert: good.Cert, Key: other.Key}, "does not match"},
		"the wrong way":         {certtest.Pair{Cert: good.Key, Key: good.Cert}, "switched"},
		"not a certificate":     {certtest.Pair{Cert: []byte("x"), Key: good.Key}, "failed to find any PEM data"},
		"a key with a password": {certtest.Pair{Cert: good.Cert, Key: sealed("ENCRYPTED PRIVATE KEY", nil)}, "write it without its password"},
		"one in the older form": {certtest.Pair{Cert: good.Cert, Key: sealed("EC PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,0"})}, "write it without its password"},
		"half a certificate":    {certtest.Pair{Cert: good.Cert[:100], Key: good.Key}, "failed to find any PEM data"},
	} {
		f := filesIn(t.TempDir())
		if c.pair.Cert != nil {
			put(t, f.cert, c.pair.Cert)
		}
		if c.pair.Key != nil {
			put(t, f.key, c.pair.Key)
		}
		err := run(t.Context(), config{Listen: "127.0.0.1:0", TLSCert: f.cert, TLSKey: f.key}, zap.NewNop())
		if !errors.As(err, new(wrongSetting)) {
			t.Errorf("%s: %v is a wrong setting", rule, err)
		}
		wantSaid(t, err, c.says, "--tls-", filepath.Dir(f.cert), "must be a")
	}
	pipe := filepath.Join(t.TempDir(), "pipe") // that nobody writes to
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	err := run(t.Context(), config{Listen: "127.0.0.1:0", TLSCert: pipe, TLSKey: "/dev/zero"}, zap.NewNop())
	wantSaid(t, err, "--tls-cert", "read "+pipe+": it must be a regular file", "read /dev/zero: it must be a regular file")
}

// secureServer is a whole server with a certificate, on a Postgres.
type secureServer struct {
	base   string
	files  files
	ca     string // the file of the authority
	trusts *tls.Config
	http.Client
	*certtest.Authority
}

func startSecure(t *testing.T) *secureServer {
	t.Helper()
	folder := t.TempDir()
	s := &secureServer{files: filesIn(folder), ca: filepath.Join(folder, "ca.pem"), Authority: certtest.NewAuthority(t)}
	s.trusts = s.Authority.Client()
	s.Client.Transport = &http.Transport{TLSClientConfig: s.trusts, ForceAttemptHTTP2: true}
	t.Cleanup(s.CloseIdleConnections)
	s.files.write(t, s.Issue(t, time.Now().Add(time.Hour)))
	put(t, s.ca, s.PEM)
	c, err := parse(t, "--tls-cert="+s.files.cert, "--tls-key="+s.files.key)
	if err != nil {
		t.Fatal(err)
	}
	c.Serve.Listen, c.Serve.DatabaseURL, c.Serve.AllowUnsafe = "127.0.0.1:0", pgtest.New(t), true
	s.base = start(t, c.Serve.config)
	return s
}

func (s *secureServer) ask(t *testing.T, method, path, body, want string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := s.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if said, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode >= 300 || answer.Proto != "HTTP/1.1" || !strings.Contains(string(said), want) {
		t.Errorf("%s %s: %s %s %.200s, %v; want %s", method, path, answer.Proto, answer.Status, said, err, want)
	}
}

// TestOverTLS is a life over TLS: events in and out, each way there is, and a renewal while a stream is open.
func TestOverTLS(t *testing.T) {
	t.Parallel()
	s := startSecure(t)
	if !strings.HasPrefix(s.base, "https://") {
		t.Errorf("the log says to open %s", s.base)
	}
	one := func(id string) string {
		return `{"topic":"t","event_id":"` + id + `","source":"s","timestamp":"2026-01-01T00:00:00Z","payload":1}`
	}
	s.ask(t, "POST", "/publish", one("1"), `"stored"`)
	s.ask(t, "POST", "/publish", one("1"), `"duplicate"`)
	s.ask(t, "GET", "/events?topic=t", "", `"event_id":"1"`)
	s.ask(t, "PUT", "/subscriptions/x", `{"after":"now"}`, `"x"`)
	s.ask(t, "GET", "/metrics", "", "\ningot_tls_certificate_expiry_timestamp_seconds 1.")

	stream, err := s.Get(s.base + "/events/stream?after=beginning")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	lines := bufio.NewReader(stream.Body)
	await := func(event string) {
		t.Helper()
		for line := ""; !strings.Contains(line, event); {
			if line, err = lines.ReadString('\n'); err != nil {
				t.Fatalf("the stream ended before %s: %v", event, err)
			}
		}
	}
	await(`"event_id":"1"`)

	polled := make(chan struct{})
	go func() { // ends with its answer, awaited below
		defer close(polled)
		s.ask(t, "GET", "/subscriptions/x/events?wait=60s", "", `"event_id":"2"`)
	}()
	s.ask(t, "POST", "/publish", one("2"), `"stored"`)
	<-polled
	await(`"event_id":"2"`)

	before := s.serial(t)
	s.files.write(t, s.Issue(t, time.Now().Add(time.Hour)))
	for begun := time.Now(); s.serial(t) == before; time.Sleep(100 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("the certificate was not renewed")
		}
	}
	s.ask(t, "POST", "/publish", one("3"), `"stored"`)
	await(`"event_id":"3"`)
}

// serial is that of the certificate which a new connection is shown.
func (s *secureServer) serial(t *testing.T) string {
	t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(s.base, "https://"), s.trusts)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// TestHealthcheckOverTLS: it is content with a server that stores, whatever is in the files by then, and
// says what is wrong where it was not told of TLS.
func TestHealthcheckOverTLS(t *testing.T) {
	t.Parallel()
	s := startSecure(t)
	c := healthcheckCommand{Listen: strings.TrimPrefix(s.base, "https://"), TLSCert: s.files.cert, Timeout: time.Minute}
	if err := c.Run(); err != nil {
		t.Error(err)
	}
	put(t, s.files.cert, []byte("half a renewal"))
	if err := c.Run(); err != nil {
		t.Errorf("with files that the server does not take: %v", err)
	}
	c.TLSCert = ""
	wantSaid(t, c.Run(), "400", "https://")
}

// TestPublisherOverTLS: the real publisher trusts the authority that it is told of, and says what to do where
// it is told of none.
func TestPublisherOverTLS(t *testing.T) {
	t.Parallel()
	s := startSecure(t)
	dir := t.TempDir()
	if err := buildtest.Build(dir, nil, "ingot/publisher"); err != nil {
		t.Fatal(err)
	}
	publisher := filepath.Join(dir, "publisher")
	run := func(args ...string) (string, error) {
		said, err := exec.CommandContext(t.Context(), publisher, append(args, "--url="+s.base)...).CombinedOutput()
		return string(said), err
	}
	if said, err := run("simulate", "--events=500", "--batch=10", "--ca="+s.ca); err != nil || !strings.Contains(said, "outcome    ok") {
		t.Errorf("%v\n%s", err, said)
	}
	if said, err := run("follow", "--after=beginning", "--count=500", "--ca="+s.ca); err != nil || strings.Count(said, "\n") < 500 {
		t.Errorf("%v\n%s", err, said)
	}
	if said, err := run("simulate", "--events=500"); err == nil || !strings.Contains(said, "unknown authority") || !strings.Contains(said, "--ca") || strings.Contains(said, "waiting") {
		t.Errorf("%v\n%s", err, said)
	}
}
