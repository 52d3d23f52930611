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
)

const (
	// grace is how long requests in flight may take after an interrupt: many commits
	// long, and still short for somebody who waits for the prompt.
	grace = 2 * time.Second

	// forever is the default of --give-up-after for follow and for replay --follow: they outlast any outage of the
	// server.
	forever = 100 * 365 * 24 * time.Hour
)

// checkURL wants --url to name a server: the paths of the contract are put behind it.
func checkURL(text string) error {
	at, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("--url: %w", err)
	case at.User != nil:
		return errors.New("--url: it would be printed with what stands before the @; a key goes into INGOT_KEY")
	case at.Scheme != "http" && at.Scheme != "https" || at.Host == "" || strings.ContainsAny(text, "?#"):
		return fmt.Errorf("--url: %q is not of the form http://host:port", text)
	}
	if port, err := strconv.ParseUint(at.Port(), 10, 16); at.Port() != "" && (err != nil || port == 0) {
		return fmt.Errorf("--url: %q is no port: want 1 to 65535", at.Port())
	}
	return nil
}

// access is what lets a server and its client trust each other.
type access struct {
	Key string      `env:"INGOT_KEY" help:"Key for a server that wants one; best by its variable, since others on the machine can see flags."`
	CA  authorities `name:"ca" env:"INGOT_CA" placeholder:"FILE" help:"PEM file of the authorities that the certificate of an https:// server must come from, in place of the system's."`
}

// check wants a key that can stand in a header, as one that ingest key prints can. It refuses --ca for a server
// without a certificate: who gives --ca takes the connection to be encrypted.
func (a *access) check(at string, k *kong.Context) error {
	for _, c := range []byte(a.Key) {
		if c <= ' ' || c > '~' {
			return errors.New("--key (INGOT_KEY): it has a space, a line break or another character that no key has")
		}
	}
	named := slices.ContainsFunc(k.Path, func(p *kong.Path) bool { return p.Flag != nil && p.Flag.Name == "ca" })
	if named && !encrypted(at) {
		return fmt.Errorf("--ca: %s has no certificate, and what goes there can be read on the way: make it https://, or leave --ca out", at)
	}
	return nil
}

// warn tells of an INGOT_CA that changes nothing. It is no error: the variable may be there for other programs and servers.
func (a *access) warn(at string, words *asyncWriter) {
	if a.CA.CertPool != nil && !encrypted(at) {
		words.say("INGOT_CA changes nothing: %s has no certificate, and what goes there can be read on the way", at)
	}
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
		return fmt.Errorf("%s has no certificate in PEM", file)
	}
	return nil
}

// checkLoad bounds what is sent at a time.
func checkLoad(concurrency, batch int) error {
	switch {
	case concurrency < 1 || concurrency > 10_000:
		return errors.New("--concurrency: want 1 to 10000")
	case concurrency > filesAtOnce(0):
		return fmt.Errorf("--concurrency: %d connections are more than this process may have open: want at most %d, or a higher limit (ulimit -n, LimitNOFILE)", concurrency, filesAtOnce(0))
	case batch < 1 || batch > 10_000:
		return errors.New("--batch: want 1 to 10000, what the server takes in one request")
	}
	return nil
}

// checkWaits bounds how long the client waits for one answer, and how long it tries while there is none. A
// giveUpAfter of nil stands for the default.
func checkWaits(timeout time.Duration, giveUpAfter *time.Duration) error {
	switch {
	case timeout <= 0:
		return errors.New("--timeout: want more than 0s")
	case giveUpAfter != nil && *giveUpAfter < 0:
		return errors.New("--give-up-after: want 0s or more")
	}
	return nil
}
