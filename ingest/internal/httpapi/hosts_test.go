package httpapi

import (
	"strings"
	"testing"
)

// TestHosts sends requests that came for one name and another, to a server that is known as "gate.example".
func TestHosts(t *testing.T) {
	t.Parallel()
	g := open(t)
	w := g.dial(t)
	for host, want := range map[string]int{
		"gate.example": 200, "GATE.example:8080": 200, "gate.example.": 200,
		"localhost": 200, "LocalHost:1": 200, "localhost.": 200, "ingot.LOCALHOST": 200, "gate": 200, "ingest:8080": 200,
		"127.0.0.1": 200, "127.0.0.1:80": 200, "10.1.2.3": 200, "[::1]": 200, "[::1]:80": 200,
		"evil.example": 421, "evil.example:8080": 421, "gate.example.evil": 421, "evilgate.example": 421, "example.": 200, "a.example": 421,
		"a.notlocalhost": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421, "1.evil": 421, "evil.1a": 421,
	} {
		w.send("GET /healthz HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		a := w.answer("GET")
		if a.status != want {
			t.Errorf("Host: %s: %d", host, a.status)
		}
		if want == 421 && !strings.Contains(a.body, host) {
			t.Errorf("Host: %s: %s", host, a.body)
		}
	}
	for target, want := range map[string]int{"http://gate.example:80/healthz": 200, "http://127.0.0.1/healthz": 200, "http://evil.example/healthz": 421, "HTTPS://Evil.Example:1/healthz": 421, "http://localhost@evil.example/healthz": 421} {
		w.send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if a := w.answer("GET"); a.status != want || want == 421 && !strings.Contains(a.body, "evil.example") {
			t.Errorf("%s: %d %s", target, a.status, a.body)
		}
	}
	w.send(strings.Replace(request{"POST", "/publish", []string{jsonType}, oneEvent}.text(), "Host: gate", "Host: evil.example", 1))
	a := w.answer("POST")
	if a.status != 421 || a.kind() != "misdirected" || len(g.publisher.Rows()) > 0 {
		t.Errorf("an event came for another name: %d %s", a.status, a.body)
	}
	a.documented(t, "POST", "/publish")
}
