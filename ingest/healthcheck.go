package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// healthcheckCommand asks a running server whether it can store events: for
// containers without a shell and for scripts.
type healthcheckCommand struct {
	Listen  string        `default:"127.0.0.1:8080" env:"INGOT_LISTEN" help:"Address that the server listens on."`
	TLSCert string        `name:"tls-cert" env:"INGOT_TLS_CERT" placeholder:"FILE" help:"As set for the server: if set, it is asked over HTTPS."`
	Timeout time.Duration `default:"3s" help:"Longest wait for the answer."`
}

// Run implements kong's interface.
func (c *healthcheckCommand) Run() error {
	host, port, err := splitAddress("--listen", c.Listen)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost" // it listens everywhere, so also here
	}
	// Any certificate is accepted: nothing secret is sent, and only the answer counts. A server that stores events must not be
	// restarted because its certificate has expired, or because the files now hold a pair that it has refused.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	client := http.Client{Timeout: c.Timeout, Transport: transport}
	answer, err := client.Get(scheme(c.TLSCert) + net.JoinHostPort(host, port) + "/readyz")
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("healthcheck: %s answered %s%s", c.Listen, answer.Status, reason(answer.Body))
	}
	return nil
}

// scheme is how the URL of a server begins, by the file of its certificate; "": it has none.
func scheme(certFile string) string {
	if certFile == "" {
		return "http://"
	}
	return "https://"
}

// reason is what the problem document in an answer says; "" if the answer holds none.
func reason(body io.Reader) string {
	var problem struct{ Detail string }
	if err := json.NewDecoder(io.LimitReader(body, 4<<10)).Decode(&problem); err != nil || problem.Detail == "" {
		return ""
	}
	return ": " + problem.Detail
}
