package main

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"go.uber.org/zap"
)

// warnOfOpenDoors warns if other machines can reach the address and no keys are asked for: whoever reaches it may do
// everything.
func warnOfOpenDoors(at net.Addr, c config, log *zap.Logger) {
	if !ofThisMachine(at) && c.KeysFile == "" {
		log.Warn("anyone who can reach this address can publish and read: set --keys-file to require a key", zap.Stringer("listen", at))
	}
}

// warnOfOpenProfiles does the same for the address of profiles, where no key is ever asked for.
func warnOfOpenProfiles(at net.Addr, log *zap.Logger) {
	if !ofThisMachine(at) {
		log.Warn("anyone who can reach this address can take profiles, which slows the server down; no key is asked for: let --debug-listen be an address that only this machine can reach", zap.Stringer("debug_listen", at))
	}
}

// ofThisMachine tells whether only this machine can reach an address.
func ofThisMachine(at net.Addr) bool {
	tcp, ok := at.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// hosts are the names that requests may ask for (Host), besides those that nobody else can own, which httpapi knows; nil: any
// name. Without --allowed-hosts names are checked only if the server listens on this machine alone and has neither keys nor
// TLS (decisions/0027). These stop a web page whose name was pointed here as well: it has no key, or no certificate for its
// name that a browser trusts.
func (c *config) hosts(at net.Addr) []string {
	guarded := c.KeysFile != "" || c.TLSCert != "" || !ofThisMachine(at)
	if slices.Contains(c.AllowedHosts, anyHost) || len(c.AllowedHosts) == 0 && guarded {
		return nil
	}
	listen, _, _ := net.SplitHostPort(c.Listen)
	return append(slices.Clone(c.AllowedHosts), listen)
}

const anyHost = "*"

// checkHosts refuses a text that is no bare name, such as one with a scheme or a port.
func checkHosts(names []string) (errs []error) {
	for _, name := range names {
		if name != anyHost && strings.ContainsFunc(name, notOfNames) {
			errs = append(errs, fmt.Errorf("--allowed-hosts %q: must be a host name without scheme and port, such as ingot.example.com, or *", name))
		}
	}
	return errs
}

func notOfNames(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
}
