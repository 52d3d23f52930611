package main

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ingot/internal/certtest"
	"ingot/publisher/internal/ingottest"
)

// secure is a server whose certificate lasts until then, and the file of its authority.
func secure(t *testing.T, until time.Time) (fake *ingottest.Server, url, ca string) {
	t.Helper()
	authority := certtest.NewAuthority(t)
	fake = &ingottest.Server{}
	srv := httptest.NewUnstartedServer(fake)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Issue(t, until).Certificate(t)}}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	srv.StartTLS()
	t.Cleanup(srv.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, authority.PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	return fake, srv.URL, ca
}

// TestAPrivateAuthority: each subcommand trusts the one of --ca, and no other; without it nothing is sent, nothing
// is waited for, and the way out is named.
func TestAPrivateAuthority(t *testing.T) {
	t.Parallel()
	_, _, another := secure(t, time.Now().Add(time.Hour))
	line := filepath.Join(t.TempDir(), "app.log")
	if err := os.WriteFile(line, []byte("a line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"simulate":             {"simulate", "--events=1"},
		"replay":               {"replay", line},
		"follow":               {"follow", "--after=beginning", "--count=1"},
		"follow, subscription": {"follow", "--subscription=x", "--create", "--after=beginning", "--count=1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, url, ca := secure(t, time.Now().Add(time.Hour))
			args := append(args, "--url="+url)
			for _, wrong := range [][]string{args, append(args, "--ca="+another)} {
				exit, stdout, stderr := command(t.Context(), nil, wrong...)
				if says := stdout + stderr; exit != exitBad || fake.Rows() > 0 || strings.Contains(says, "waiting") || strings.Contains(says, "trying again") ||
					!strings.Contains(says, "signed by unknown authority") || !strings.Contains(says, "--ca (INGOT_CA)") {
					t.Errorf("%v: exit %d, %d rows\n%s", wrong, exit, fake.Rows(), says)
				}
			}
			if exit, stdout, stderr := command(t.Context(), nil, "simulate", "--events=1", "--url="+url, "--ca="+ca); exit != exitOK {
				t.Fatalf("exit %d\n%s%s", exit, stdout, stderr)
			}
			if exit, stdout, stderr := command(t.Context(), nil, append(args, "--ca="+ca)...); exit != exitOK {
				t.Errorf("exit %d\n%s%s", exit, stdout, stderr)
			}
		})
	}
}

// TestAnExpiredCertificate is waited for as a server that is away: it will be renewed. Nothing is sent meanwhile.
func TestAnExpiredCertificate(t *testing.T) {
	t.Parallel()
	fake, url, ca := secure(t, time.Now().Add(-time.Hour))
	exit, _, stderr := command(t.Context(), nil, "simulate", "--events=1", "--give-up-after=100ms", "--url="+url, "--ca="+ca)
	if exit != exitBad || fake.Rows() > 0 || !strings.Contains(stderr, "waiting") || !strings.Contains(stderr, "expired") {
		t.Errorf("exit %d, %d rows\n%s", exit, fake.Rows(), stderr)
	}
}

// TestCAIsAFile of certificates, or the command line is wrong.
func TestCAIsAFile(t *testing.T) {
	t.Parallel()
	noise := filepath.Join(t.TempDir(), "noise")
	if err := os.WriteFile(noise, []byte("noise"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{noise, noise + ".typo", ""} {
		if exit, _, stderr := command(t.Context(), nil, "follow", "--ca="+file); exit != exitUsage || !strings.Contains(stderr, "--ca") || !strings.Contains(stderr, file) {
			t.Errorf("%q: exit %d, %s", file, exit, stderr)
		}
	}
}

// TestTLSWhereNoneIsSpoken is not waited for, and the way out is named.
func TestTLSWhereNoneIsSpoken(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(&ingottest.Server{})
	defer srv.Close()
	for _, args := range [][]string{{"simulate", "--events=1"}, {"replay", "-"}, {"follow"}} {
		exit, stdout, stderr := command(t.Context(), nil, append(args, "--url="+strings.Replace(srv.URL, "http:", "https:", 1), "--give-up-after=2s")...)
		if says := stdout + stderr; exit != exitBad || strings.Contains(says, "waiting") || strings.Contains(says, "trying again") || !strings.Contains(says, "server gave HTTP response to HTTPS client: it does not speak TLS, so --url must begin with http://") {
			t.Errorf("%v: exit %d\n%s", args, exit, says)
		}
	}
}

// TestCAWithoutTLS: a --ca for a server without a certificate is a wrong command line, of each subcommand, and sends nothing.
func TestCAWithoutTLS(t *testing.T) {
	t.Parallel()
	_, _, ca := secure(t, time.Now().Add(time.Hour))
	fake := &ingottest.Server{}
	srv := httptest.NewServer(fake)
	t.Cleanup(srv.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // or follow would wait for an event
	defer cancel()
	for _, args := range [][]string{{"simulate", "--events=1"}, {"replay", ca}, {"follow", "--count=1"}} {
		exit, stdout, stderr := command(ctx, nil, append(args, "--ca="+ca, "--url="+srv.URL)...)
		if exit != exitUsage || stdout != "" || fake.Rows() > 0 || !strings.Contains(stderr, "--ca: "+srv.URL+" is not https") {
			t.Errorf("%v: exit %d, %d rows\n%s%s", args, exit, fake.Rows(), stdout, stderr)
		}
	}
}

// TestCAFromTheEnvironment may be meant for other servers: it is told of where it changes nothing, and only there. Not parallel: it
// sets a variable of the process.
func TestCAFromTheEnvironment(t *testing.T) {
	_, url, ca := secure(t, time.Now().Add(time.Hour))
	plain := httptest.NewServer(&ingottest.Server{})
	defer plain.Close()
	t.Setenv("INGOT_CA", ca)
	for _, args := range [][]string{{"simulate", "--events=1"}, {"replay", ca}, {"follow", "--after=beginning", "--count=1"}} {
		for at, warnings := range map[string]int{plain.URL: 1, url: 0} {
			exit, stdout, stderr := command(t.Context(), nil, append(args, "--url="+at)...)
			if exit != exitOK || strings.Count(stderr, "INGOT_CA has no effect: "+at) != warnings {
				t.Errorf("%v at %s: exit %d\n%s%s", args, at, exit, stdout, stderr)
			}
		}
	}
}
