package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// maxAnswer bounds what is read of one answer. The server's own page limit is
// 8 MiB, and the answer to 10,000 events is about 1 MiB.
const maxAnswer = 64 << 20

// Grace is how long a request in flight may go on when the run is stopped: many commits long, and still short for
// somebody who waits for the prompt.
const Grace = 2 * time.Second

// Config says whom a Client talks to and how patiently.
type Config struct {
	URL         string        // of the server, without a path
	Key         string        // sent with each request; "": none
	Connections int           // kept alive at most
	Timeout     time.Duration // of one request
	GiveUpAfter time.Duration // no retry begins later than this after the first attempt

	// Roots are the authorities that a server's certificate must come from; nil means the system's.
	Roots *x509.CertPool

	// Transport replaces the Client's own; nil means a tuned one.
	Transport http.RoundTripper
}

// Client may be used by many goroutines.
type Client struct {
	cfg  Config
	http *http.Client

	insist time.Duration // see Insist
	doubt  func(error)
	told   sync.Once
}

// New returns a Client; it opens nothing yet.
func New(cfg Config) *Client {
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	if cfg.Transport == nil {
		cfg.Transport = newTransport(cfg.Connections, cfg.Roots)
	}
	return &Client{cfg: cfg, http: &http.Client{
		Transport: cfg.Transport,
		// A redirect is an answer like another: following it would turn a POST
		// into a GET, and count what another server says.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Insist has Send ask again for so long after the first of several refusals in a row that are not about the events, but not for
// longer than GiveUpAfter; 0: not at all. tell is called with the first such refusal of all. Insist is called before the Client is used.
func (c *Client) Insist(patience time.Duration, tell func(error)) {
	c.insist, c.doubt = patience, tell
}

// Close ends the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// newTransport keeps one connection for each of the parallel clients. The default
// Transport keeps two per host, and the others would be dialled for every request.
func newTransport(connections int, roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConns:        connections,
		MaxIdleConnsPerHost: connections,
		IdleConnTimeout:     30 * time.Second,
		TLSClientConfig:     &tls.Config{RootCAs: roots},
		TLSHandshakeTimeout: 5 * time.Second,
		DisableCompression:  true, // answers are small, and the two cores are shared
	}
}

// answer is a whole HTTP answer, or the reason why there is none.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error
}

// do sends one request and reads all of its answer, within the timeout. Reading
// all of it is also what lets the connection be used again.
func (c *Client) do(ctx context.Context, timeout time.Duration, method, path string, body []byte) answer {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := c.request(ctx, method, path, body)
	if err != nil {
		return answer{err: err}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{err: err} // it names the method and the URL already
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return answer{err: fmt.Errorf("read answer: %w", err)}
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: got}
}

func (c *Client) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.cfg.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("User-Agent", "ingot-publisher")
	if c.cfg.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Key)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// Outlive returns a context that ends grace after ctx does, or when it is cancelled itself. A request that is cut the moment the
// run is stopped would leave its outcome open although its answer may be on the way.
func Outlive(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { // ends with out, which the caller cancels
		select {
		case <-time.After(grace):
			cancel()
		case <-out.Done():
		}
	})
	return out, func() { stop(); cancel() }
}
