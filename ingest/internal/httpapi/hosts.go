package httpapi

import (
	"bytes"
	"strings"
)

// knows tells whether a request may come for the host that it names. A web page whose own name was made to lead here (DNS
// rebinding) has its visitor's browser ask a server that only this machine can reach, and to the browser both are one site: such
// a page would read events, and send some. No page but this machine's own can bear an address for a name, or localhost.
func (s *Server) knows(host []byte) bool {
	if s.Hosts == nil || len(host) == 0 || host[0] == '[' {
		return true
	}
	name, _, _ := bytes.Cut(host, []byte(":"))
	name = bytes.TrimSuffix(name, []byte("."))
	if len(bytes.Trim(name, "0123456789.")) == 0 { // an IPv4 address: no name ends in a number
		return true
	}
	if isLocal(name) {
		return true
	}
	for _, known := range s.Hosts {
		if strings.EqualFold(known, string(name)) {
			return true
		}
	}
	return false
}

// isLocal tells the names that lead to this machine for everybody (RFC 6761, 6.3).
func isLocal(name []byte) bool {
	const local = "localhost"
	before := len(name) - len(local)
	return before >= 0 && strings.EqualFold(string(name[before:]), local) && (before == 0 || name[before-1] == '.')
}
