package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"ingot/internal/pgtest"
)

// TestHosts are looked at where nothing else keeps a web page from a server that only its visitor can reach.
func TestHosts(t *testing.T) {
	t.Parallel()
	here, everywhere := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, &net.TCPAddr{IP: net.IPv4zero}
	for _, c := range []struct {
		args []string
		at   net.Addr
		want string
	}{
		{nil, here, "[127.0.0.1]"},
		{[]string{"--listen=ingot.home:80"}, here, "[ingot.home]"},
		{nil, everywhere, "any"},
		{[]string{"--keys-file=k"}, here, "any"},
		{[]string{"--tls-cert=c", "--tls-key=k"}, here, "any"},
		{[]string{"--allowed-hosts=a.example,b"}, here, "[a.example b 127.0.0.1]"},
		{[]string{"--allowed-hosts=a"}, everywhere, "[a 127.0.0.1]"},
		{[]string{"--allowed-hosts=a", "--keys-file=k"}, here, "[a 127.0.0.1]"},
		{[]string{"--allowed-hosts=*"}, here, "any"},
		{[]string{"--allowed-hosts=a,*"}, everywhere, "any"},
	} {
		cl, err := parse(t, c.args...)
		if err != nil {
			t.Fatal(err)
		}
		got := "any"
		if hosts := cl.Serve.hosts(c.at); hosts != nil {
			got = fmt.Sprint(hosts)
		}
		if got != c.want {
			t.Errorf("%v on %s: %s", c.args, c.at, got)
		}
	}
}

// TestOpenProfilesAreTold, also where a key is asked for at the other address.
func TestOpenProfilesAreTold(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]int{"127.0.0.1": 0, "::1": 0, "0.0.0.0": 1, "::": 1, "192.0.2.1": 1} {
		core, logs := observer.New(zapcore.WarnLevel)
		warnOfOpenProfiles(&net.TCPAddr{IP: net.ParseIP(address)}, zap.New(core))
		if logs.Len() != want {
			t.Errorf("%s: %v", address, logs.All())
		}
	}
}

func TestHostsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"https://a.example", "a.example:80", "a/", "a b", "*.example", "ä.example"} {
		c, err := parse(t, "--allowed-hosts=ok.example", "--allowed-hosts="+name)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Serve.check(); err == nil || !strings.Contains(err.Error(), "--allowed-hosts "+fmt.Sprintf("%q", name)) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestServerOfThisMachine answers to nobody's name but its own, and tells what to do about it.
func TestServerOfThisMachine(t *testing.T) {
	t.Parallel()
	c, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	c.Serve.Listen, c.Serve.DatabaseURL, c.Serve.AllowUnsafe, c.Serve.AllowedHosts = "127.0.0.1:0", pgtest.New(t), true, []string{"ingot.example"}
	base, _ := startAwaiting(t, c.Serve.config, "")
	for host, want := range map[string]int{"": 200, "ingot.example": 200, "localhost": 200, "evil.example": 421} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/events", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		if got := statusOf(t, r); got != want {
			t.Errorf("Host: %s: %d", host, got)
		}
	}
}
