package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"ingot/publisher/internal/client"
)

// forever is the default of --give-up-after for follow and for replay --follow: they outlast any outage of the
// server.
const forever = 100 * 365 * 24 * time.Hour

// checkURL wants --url to name a server: the paths of the contract are put behind it.
func checkURL(text string) error {
	at, err := url.Parse(text)
	switch {
	case err != nil && strings.Contains(text, "://"):
		return fmt.Errorf("--url: %w", err)
	case err != nil: // the parser has no word for a scheme that was left out
		return fmt.Errorf("--url: %q is not of the form http://host:port", text)
	case at.User != nil:
		return errors.New("--url: it must not have a user or password before an @, since it is printed; put the key into INGOT_KEY")
	case at.Scheme != "http" && at.Scheme != "https" || at.Host == "" || strings.ContainsAny(text, "?#"):
		return fmt.Errorf("--url: %q is not of the form http://host:port", text)
	}
	if port, err := strconv.ParseUint(at.Port(), 10, 16); at.Port() != "" && (err != nil || port == 0) {
		return fmt.Errorf("--url: %q is not a port: use 1 to 65535", at.Port())
	}
	return nil
}

// server is the server that a subcommand talks to, and what lets the two trust each other.
type server struct {
	URL string      `env:"INGOT_URL" default:"http://127.0.0.1:8080" help:"The server."`
	Key string      `env:"INGOT_KEY" help:"Key for a server that requires one; better set as the variable, since others on the machine can see flags."`
	CA  authorities `name:"ca" env:"INGOT_CA" placeholder:"FILE" help:"PEM file of the authorities to trust for an https:// server, instead of the system's."`
}

// check wants a key that can stand in a header, as one that ingest key prints can. It refuses --ca for a server without a
// certificate: whoever gives --ca believes that the connection is encrypted.
func (s *server) check(k *kong.Context) error {
	if err := checkURL(s.URL); err != nil {
		return err
	}
	for _, c := range []byte(s.Key) {
		if c <= ' ' || c > '~' {
			return errors.New("--key (INGOT_KEY): it has a space, a line break or another character that no key contains")
		}
	}
	named := slices.ContainsFunc(k.Path, func(p *kong.Path) bool { return p.Flag != nil && p.Flag.Name == "ca" })
	if named && !encrypted(s.URL) {
		return fmt.Errorf("--ca: %s is not https, so the connection is not encrypted: use https://, or leave out --ca", s.URL)
	}
	return nil
}

// warn tells of an INGOT_CA that changes nothing. It is no error: the variable may be there for other programs and servers.
func (s *server) warn(out surroundings) {
	if s.CA.CertPool != nil && !encrypted(s.URL) {
		out.say("INGOT_CA has no effect: %s is not https, so the connection is not encrypted", s.URL)
	}
}

// client returns a client of the server; whoever calls it closes the client.
func (s *server) client(out surroundings, connections int, timeout, giveUpAfter time.Duration) *client.Client {
	return client.New(client.Config{
		URL: s.URL, Key: s.Key, Connections: connections, Timeout: timeout,
		GiveUpAfter: giveUpAfter, Roots: s.CA.CertPool, Transport: out.transport,
	})
}

// encrypted tells whether a URL that checkURL has accepted is one of https.
func encrypted(at string) bool { return strings.HasPrefix(strings.ToLower(at), "https:") }

// authorities are what --ca names: those that the server's certificate must come from.
type authorities struct{ *x509.CertPool }

// UnmarshalText implements encoding.TextUnmarshaler: it reads the file.
func (a *authorities) UnmarshalText(file []byte) error {
	if len(file) == 0 {
		return errEmpty
	}
	text, err := os.ReadFile(string(file))
	if err != nil {
		return err
	}
	a.CertPool = x509.NewCertPool()
	if !a.AppendCertsFromPEM(text) {
		return fmt.Errorf("%s contains no PEM certificate", file)
	}
	return nil
}

// checkLoad bounds what is sent at a time.
func checkLoad(concurrency, batch int) error {
	switch {
	case concurrency < 1 || concurrency > 10_000:
		return errors.New("--concurrency must be 1 to 10000")
	case concurrency > filesAtOnce(0):
		return fmt.Errorf("--concurrency: %d connections are more than this process may have open: use at most %d, or raise the limit (ulimit -n, LimitNOFILE)", concurrency, filesAtOnce(0))
	case batch < 1 || batch > 10_000:
		return errors.New("--batch must be 1 to 10000, the number of events that a request may have")
	}
	return nil
}

// checkWaits bounds how long the client waits for one answer, and how long it tries while there is none. A
// giveUpAfter of nil stands for the default.
func checkWaits(timeout time.Duration, giveUpAfter *time.Duration) error {
	switch {
	case timeout <= 0:
		return errors.New("--timeout must be more than 0s")
	case giveUpAfter != nil && *giveUpAfter < 0:
		return errors.New("--give-up-after must be 0s or more")
	}
	return nil
}
