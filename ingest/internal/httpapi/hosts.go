package httpapi

import (
	"bytes"
	"strings"
)

// knows tells whether a request may come for the host that it names. A web page whose own name was made to lead here (DNS
// rebinding) has its visitor's browser ask a server that only this machine can reach, and to the browser both are one site: such
// a page would read events, and send some. Names that anybody can have made have a dot; addresses, localhost (RFC 6761, 6.3) and
// names of one word are nobody's of the internet.
func (s *Server) knows(host []byte) bool {
	if s.Hosts == nil || len(host) == 0 || host[0] == '[' {
		return true
	}
	name, _, _ := bytes.Cut(host, []byte(":"))
	name = bytes.TrimSuffix(name, []byte("."))
	dot := bytes.LastIndexByte(name, '.')
	if dot < 0 || bytes.EqualFold(name[dot:], []byte(".localhost")) {
		return true
	}
	if len(bytes.Trim(name, "0123456789.")) == 0 { // an IPv4 address: no name ends in a number
		return true
	}
	for _, known := range s.Hosts {
		if strings.EqualFold(known, string(name)) {
			return true
		}
	}
	return false
}
