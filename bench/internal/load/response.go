package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// maxHead bounds the head of a response.
const maxHead = 16 << 10

var (
	errPartial  = errors.New("the response is not complete yet")
	errProtocol = errors.New("not a response this client understands")
)

// head is what a response says before its body.
type head struct {
	status int
	length int  // bytes of head and body together
	body   int  // where the body begins
	close  bool // the server closes the connection after this response
}

// parseHead reads the head of a response at the start of b. It returns errPartial until the whole head is there. Only bodies
// with a Content-Length are understood; the servers measured here send no others.
func parseHead(b []byte) (head, error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxHead {
			return head{}, fmt.Errorf("%w: a head of more than %d bytes", errProtocol, maxHead)
		}
		return head{}, errPartial
	}
	h := head{body: end + 4}
	line, fields, _ := bytes.Cut(b[:end], []byte("\r\n"))
	var err error
	if h.status, err = parseStatus(line); err != nil {
		return h, err
	}
	length := -1
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		if err := h.field(line, &length); err != nil {
			return h, err
		}
	}
	if length < 0 {
		return h, fmt.Errorf("%w: no Content-Length", errProtocol)
	}
	h.length = h.body + length
	return h, nil
}

func parseStatus(line []byte) (int, error) {
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' {
		return 0, fmt.Errorf("%w: it starts with %.20q", errProtocol, line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil || status < 200 || status > 599 {
		return 0, fmt.Errorf("%w: status %q", errProtocol, line[9:12])
	}
	return status, nil
}

func (h *head) field(line []byte, length *int) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return fmt.Errorf("%w: header line %.40q", errProtocol, line)
	}
	value = bytes.TrimSpace(value)
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		n, err := strconv.Atoi(string(value))
		if err != nil || n < 0 || n > 1<<30 {
			return fmt.Errorf("%w: Content-Length %.20q", errProtocol, value)
		}
		*length = n
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		return fmt.Errorf("%w: Transfer-Encoding %.20q", errProtocol, value)
	case bytes.EqualFold(name, []byte("Connection")):
		h.close = bytes.EqualFold(value, []byte("close"))
	}
	return nil
}
