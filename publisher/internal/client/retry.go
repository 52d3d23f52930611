package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// The backoff before retry n is drawn from [0, min(maxWait, firstWait*2^n)): full
// jitter, so that clients refused together do not come back together. Guesses:
// firstWait is a few commits long, maxWait a restart of the server.
const (
	firstWait = 50 * time.Millisecond
	maxWait   = 5 * time.Second
)

// longestAfter bounds what a Retry-After can ask for: a mistake must not end a run that goes on for ever. A guess.
const longestAfter = 24 * time.Hour

// refusal is why an attempt did not settle its request.
type refusal struct {
	cause string        // "connect", "cut", "timeout", "http_503", ..
	open  bool          // the attempt may have been carried out all the same
	again bool          // it is worth trying again
	after time.Duration // no retry before this has passed
	bars  bool          // it is about who asks or who answers: other events would be refused as well
	large bool          // it is about the size of the request
	err   error
}

// refused classes an answer that is not about the events themselves. This table
// is the only place that knows what a status means for a retry. The error of a final answer is a *Refused.
func refused(a answer) refusal {
	if a.err != nil {
		return unanswered(a.err)
	}
	p := problemOf(a)
	r := refusal{cause: fmt.Sprintf("http_%d", a.status), after: retryAfter(a.header), err: p.err}
	ours := p.ofIngot()
	switch {
	case a.status == http.StatusServiceUnavailable, // certainly not stored, if Ingot says so
		a.status == http.StatusTooManyRequests,
		a.status == http.StatusRequestTimeout:
		r.again, r.open = true, !ours
	case a.status >= 500:
		r.again, r.open = true, true
	case a.status/100 == 2: // of somebody in between, who may pass the request on later
		r.cause, r.open, r.bars = "answer", true, true
	case a.status == http.StatusUnauthorized:
		r.bars, r.err = true, fmt.Errorf("%w: put a key into INGOT_KEY; ingest key creates one", r.err)
	case a.status/100 == 3:
		r.bars, r.err = true, fmt.Errorf("%w: to %s", r.err, a.header.Get("Location"))
	case a.status == http.StatusRequestEntityTooLarge: // a smaller request may pass, whoever says so
		r.large = true
	case a.status == http.StatusBadRequest:
		r.bars = !p.ofTheBody()
	case a.status == http.StatusForbidden, a.status == http.StatusProxyAuthRequired,
		a.status == http.StatusMisdirectedRequest,                                // by a name that is none of the server's
		a.status == http.StatusNotFound, a.status == http.StatusMethodNotAllowed: // it is no Ingot
		r.bars = true
	case !ours: // of a filter in between
		r.bars, r.err = true, fmt.Errorf("%w: this answer does not come from Ingot", r.err)
	}
	if !r.again {
		r.err = &Refused{Status: a.status, Kind: p.Kind, Oldest: p.Oldest, Err: r.err}
	}
	return r
}

// unanswered classes a request that got no answer. Only one that was never
// connected, or never trusted, is known to have changed nothing.
func unanswered(err error) refusal {
	var op *net.OpError
	var slow net.Error
	var distrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &distrusted):
		return untrusted(err)
	case errors.Is(err, http.ErrSchemeMismatch): // and nothing was sent
		return refusal{cause: "certificate", bars: true, err: fmt.Errorf("%w: it does not speak TLS, so --url must begin with http://", err)}
	case errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect"):
		return refusal{cause: "connect", again: true, err: err}
	case errors.As(err, &slow) && slow.Timeout():
		return refusal{cause: "timeout", again: true, open: true, err: err}
	}
	return refusal{cause: "cut", again: true, open: true, err: err}
}

// untrusted classes a server whose certificate does not prove who it is; nothing was sent to it. No retry
// helps, but for one that has expired: it will be renewed.
func untrusted(err error) refusal {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	r := refusal{cause: "certificate", bars: true, err: err}
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		r.again = true
	case errors.As(err, &unknown):
		r.err = fmt.Errorf("%w: if the authority is a private one, give its file with --ca (INGOT_CA)", err)
	}
	return r
}

// retryAfter reads the header in seconds, the form the contract uses, or as a date, which proxies may name; anything
// else is no minimum. A date is held against that of the answer, if it has one: this machine's clock may be another.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if s, err := strconv.Atoi(text); err == nil {
		return time.Duration(max(0, min(s, int(longestAfter/time.Second)))) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(0, min(at.Sub(now), longestAfter))
}

// wait is how long to wait before retry n, counted from 0. What the server asks
// for is a minimum, with the jitter on top.
func (r refusal) wait(n int) time.Duration {
	return r.after + rand.N(min(maxWait, firstWait<<min(n, 10)))
}

// pause waits before retry n and reports whether to go on: not after a final refusal, nor from the deadline on, nor
// when ctx is done. A wait that would pass the deadline ends there, so that the last try is made when the time is up,
// and not before. Where the server asks for a longer wait, that last try is the only one that comes too early.
func (r refusal) pause(ctx context.Context, n int, deadline time.Time) bool {
	if !r.again || ctx.Err() != nil {
		return false
	}
	left := time.Until(deadline)
	if left <= 0 {
		return false
	}
	select {
	case <-time.After(min(r.wait(n), left)):
		return true
	case <-ctx.Done():
		return false
	}
}
