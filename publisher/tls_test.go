package main

import (
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
