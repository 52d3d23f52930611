package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"ingot/ingest/internal/keys"
)

const (
	// expirySoon is how long before the expiry warnings begin: what is renewed automatically is renewed weeks before.
	expirySoon  = 7 * 24 * time.Hour
	expiryAgain = 24 * time.Hour // between two warnings
)

// certificate is the pair of --tls-cert and --tls-key that is served in handshakes. All fields but serving belong to the
// goroutine that reads the files.
type certificate struct {
	certFile, keyFile string
	log               *zap.Logger
	serving           atomic.Pointer[tls.Certificate]
	seen              [sha256.Size]byte // hash of what the files held at the last look
	warnAgain         time.Time         // when the next warning of the expiry is due
}

// startTLS returns what the gate speaks TLS with, nil for plain HTTP. The files are read again while the
// server runs, until stop is called.
func startTLS(c config, metrics prometheus.Registerer, log *zap.Logger) (secure *tls.Config, stop func(), err error) {
	own := &certificate{certFile: c.TLSCert, keyFile: c.TLSKey, log: log}
	metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ingot_tls_certificate_expiry_timestamp_seconds", Help: "When the served certificate expires, in seconds since 1970; 0: there is none.",
	}, own.expiry))
	if c.TLSCert == "" {
		return nil, func() {}, nil
	}
	if err := own.look(); err != nil {
		return nil, nil, wrongSetting{err}
	}
	own.warnOfExpiry()
	secure = &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own.serving.Load(), nil },
	}
	own.endSessions(secure)
	return secure, every(filesPeriod, own.lookAgain), nil
}

// endSessions ends the sessions of a certificate with it: who resumes one is shown none, and would keep the old one for a
// week. A ticket names its certificate.
func (c *certificate) endSessions(secure *tls.Config) {
	name := func() []byte { sum := sha256.Sum256(c.serving.Load().Leaf.Raw); return sum[:] }
	secure.WrapSession = func(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
		session.Extra = append(session.Extra, name())
		return secure.EncryptTicket(state, session)
	}
	secure.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		session, err := secure.DecryptTicket(ticket, state)
		if session == nil || !slices.ContainsFunc(session.Extra, func(extra []byte) bool { return bytes.Equal(extra, name()) }) {
			return nil, err
		}
		return session, nil
	}
}

// lookAgain takes what the files hold now. While they are no pair, the pair from before is served.
func (c *certificate) lookAgain() {
	if err := c.look(); err != nil {
		c.log.Warn("cannot reload the certificate: the previous one stays in use until the files are a pair", zap.Error(err))
	}
	c.warnOfExpiry()
}

// look reads the files, and serves their pair if they hold something else than at the last look. What is wrong with them is
// an error once, not at every look.
func (c *certificate) look() error {
	cert, certErr := keys.ReadFile(c.certFile)
	key, keyErr := keys.ReadFile(c.keyFile)
	seen := sha256.Sum256(slices.Concat(cert, []byte{0}, key))
	if seen == c.seen {
		return nil
	}
	c.seen = seen
	if err := errors.Join(unreadable("--tls-cert", certErr), unreadable("--tls-key", keyErr)); err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil && bytes.Contains(key, []byte("ENCRYPTED")) {
		err = fmt.Errorf("%w: the key is encrypted; write it without its password: openssl pkey -in KEY -out FILE", err)
	}
	if err != nil {
		return fmt.Errorf("--tls-cert %s and --tls-key %s: %w: they must be a certificate in PEM, followed by its chain, and the key it was made for", c.certFile, c.keyFile, err)
	}
	c.serving.Store(&pair)
	c.warnAgain = time.Time{}
	c.log.Info("certificate read", zap.String("file", c.certFile), zap.Strings("names", pair.Leaf.DNSNames), zap.Time("expires", pair.Leaf.NotAfter))
	if info, err := os.Stat(c.keyFile); err == nil && info.Mode().Perm()&0o006 != 0 {
		c.log.Warn("any user of this machine can read or write the file of --tls-key: restrict its mode", zap.String("file", c.keyFile), zap.Stringer("mode", info.Mode().Perm()))
	}
	return nil
}

// unreadable adds the flag and what to do to an error of the system, which names the file.
func unreadable(flag string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s (%s): %w: must be a PEM file that this user can read", flag, variable(flag), err)
}

// warnOfExpiry warns each day once the expiry is near (expirySoon), and when the certificate has expired.
func (c *certificate) warnOfExpiry() {
	now, expires := time.Now(), c.serving.Load().Leaf.NotAfter
	left := expires.Sub(now)
	if left > expirySoon || now.Before(c.warnAgain) {
		return
	}
	c.warnAgain = now.Add(expiryAgain)
	message := "the certificate has expired: renew the files of --tls-cert and --tls-key; no restart is needed"
	if left > 0 {
		c.warnAgain = now.Add(min(left, expiryAgain))
		message = "the certificate expires soon: renew the files of --tls-cert and --tls-key; no restart is needed"
	}
	c.log.Warn(message, zap.String("file", c.certFile), zap.Time("expires", expires))
}

// expiry is in seconds since 1970; 0 without a certificate.
func (c *certificate) expiry() float64 {
	if serving := c.serving.Load(); serving != nil {
		return float64(serving.Leaf.NotAfter.Unix())
	}
	return 0
}
