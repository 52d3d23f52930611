package main

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"go.uber.org/zap"
)

// warnOfOpenDoors says that whoever reaches the address may do everything, where others than this machine do.
func warnOfOpenDoors(at net.Addr, c config, log *zap.Logger) {
	if !ofThisMachine(at) && c.KeysFile == "" {
		log.Warn("anyone who can reach this address may publish and read: --keys-file asks for a key", zap.Stringer("listen", at))
	}
}

// ofThisMachine tells an address that nobody else can reach.
func ofThisMachine(at net.Addr) bool {
	tcp, ok := at.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// hosts are the names that requests may come for, beside those that nobody else can have (httpapi knows); nil: any. Who wants keys need not look: a web
// page that leads here has none. Nor where HTTPS is spoken: it has no certificate that its visitors trust.
func (c *config) hosts(at net.Addr) []string {
	guarded := c.KeysFile != "" || c.TLSCert != "" || !ofThisMachine(at)
	if slices.Contains(c.AllowedHosts, anyHost) || len(c.AllowedHosts) == 0 && guarded {
		return nil
	}
	listen, _, _ := net.SplitHostPort(c.Listen)
	return append(slices.Clone(c.AllowedHosts), listen)
}

const anyHost = "*"

// checkHosts refuses what can stand in no Host header, or not alone.
func checkHosts(names []string) (errs []error) {
	for _, name := range names {
		if name != anyHost && strings.ContainsFunc(name, notOfNames) {
			errs = append(errs, fmt.Errorf("--allowed-hosts %q: want a name, as ingot.example.com, without scheme and port, or *", name))
		}
	}
	return errs
}

func notOfNames(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
}
