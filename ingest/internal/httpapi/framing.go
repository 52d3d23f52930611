package httpapi

import "bytes"

// smuggled names what makes the end of a request ambiguous; "" when nothing does.
// A proxy in front may have taken the other reading, and would then pass on a
// part of one client's body as another client's request. The lines are read as
// they were sent: fasthttp forgets a Content-Length beside chunked, and forgets
// Transfer-Encoding: identity altogether.
func smuggled(raw []byte) string {
	lengths, codings := 0, 0
	for len(raw) > 0 {
		var name, value []byte
		name, value, raw = cutHeaderLine(raw)
		switch {
		case bytes.ContainsAny(name, " \t"):
			return "a header's name has no blank in it"
		case bytes.EqualFold(name, []byte("Content-Length")):
			lengths++
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			if codings++; !bytes.EqualFold(value, []byte("chunked")) {
				return "the only Transfer-Encoding taken is chunked"
			}
		}
	}
	switch {
	case lengths > 0 && codings > 0:
		return "send Content-Length or Transfer-Encoding, not both"
	case lengths > 1 || codings > 1:
		return "send Content-Length or Transfer-Encoding once"
	}
	return ""
}

// cutHeaderLine takes the first line off a header as it was sent. A line without a
// colon, as the empty one at the end, has no name.
func cutHeaderLine(raw []byte) (name, value, rest []byte) {
	line, rest, _ := bytes.Cut(raw, []byte("\n"))
	name, value, found := bytes.Cut(line, []byte(":"))
	if !found {
		return nil, nil, rest
	}
	return name, bytes.TrimSpace(value), rest
}
