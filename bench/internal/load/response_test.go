package load

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// answerOnce is a server for one connection: it reads the request and writes the
// pieces one by one.
func answerOnce(t *testing.T, pieces ...string) *conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with its one connection, awaited in Cleanup
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.ReadFull(c, make([]byte, len(anyRequest)))
		for _, piece := range pieces {
			_, _ = io.WriteString(c, piece)
		}
	}()
	c, err := dial(context.Background(), l.Addr().String(), time.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.close(); _ = l.Close(); <-done })
	return c
}

const anyRequest = "GET / HTTP/1.1\r\n\r\n"

func TestOddResponses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pieces []string
		status int
		body   string
		err    error
	}{
		"plain":                     {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"}, 200, "hi", nil},
		"byte by byte":              {strings.Split("HTTP/1.1 207 Multi-Status\r\nServer: x\r\nCONTENT-LENGTH:   2  \r\n\r\nhi", ""), 207, "hi", nil},
		"no body":                   {[]string{"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"}, 204, "", nil},
		"larger than the buffer":    {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", strings.Repeat("x", 100_000)}, 200, strings.Repeat("x", 100_000), nil},
		"an old server that closes": {[]string{"HTTP/1.0 503 No\r\nConnection: Close\r\nContent-Length: 1\r\n\r\n!"}, 503, "!", errServerCloses},
		"chunked":                   {[]string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"}, 0, "", errProtocol},
		"no length":                 {[]string{"HTTP/1.1 200 OK\r\n\r\n"}, 0, "", errProtocol},
		"a bad length":              {[]string{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"}, 0, "", errProtocol},
		"not HTTP":                  {[]string{"SSH-2.0-OpenSSH_9.2\r\n\r\n"}, 0, "", errProtocol},
		"a status of letters":       {[]string{"HTTP/1.1 abc\r\n\r\n"}, 0, "", errProtocol},
		"a header without a colon":  {[]string{"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"}, 0, "", errProtocol},
		"a head without an end":     {[]string{"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHead)}, 0, "", errProtocol},
		"more than was asked":       {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nhHTTP/1.1 200 OK\r\n"}, 0, "", errProtocol},
		"letters, and a length":     {[]string{"HTTP/1.1 abc No\r\nContent-Length: 0\r\n\r\n"}, 0, "", errProtocol},
		"a status below all":        {[]string{"HTTP/1.1 199 OK\r\nContent-Length: 0\r\n\r\n"}, 0, "", errProtocol},
		"a status above all":        {[]string{"HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n"}, 0, "", errProtocol},
		"the last status":           {[]string{"HTTP/1.1 599 OK\r\nContent-Length: 0\r\n\r\n"}, 599, "", nil},
		"no word for the status":    {[]string{"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"}, 200, "", nil},
		"a short line":              {[]string{"HTTP/1.1 20\r\nContent-Length: 0\r\n\r\n"}, 0, "", errProtocol},
		"another protocol":          {[]string{"HTTP/2.0 200\r\nContent-Length: 0\r\n\r\n"}, 0, "", errProtocol},
		"no space":                  {[]string{"HTTP/1.1/200 OK\r\nContent-Length: 0\r\n\r\n"}, 0, "", errProtocol},
		"nonsense, and a length":    {[]string{"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 0\r\n\r\n"}, 0, "", errProtocol},
		"a length, then none":       {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: x\r\n\r\n"}, 0, "", errProtocol},
		"a length below 0, then":    {[]string{"HTTP/1.1 200 OK\r\nContent-Length: -5\r\nContent-Length: 0\r\n\r\n"}, 0, "", errProtocol},
		"a length of too much":      {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 1073741825\r\nContent-Length: 0\r\n\r\n"}, 0, "", errProtocol},
		"chunked, and a length":     {[]string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"}, 0, "", errProtocol},
		"close in another header":   {[]string{"HTTP/1.1 200 OK\r\nX: close\r\nContent-Length: 0\r\n\r\n"}, 200, "", nil},
		"cut in the head":           {[]string{"HTTP/1.1 200"}, 0, "", io.EOF},
		"cut in the body":           {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"}, 0, "", io.EOF},
		"nothing at all":            {nil, 0, "", io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body, err := answerOnce(t, c.pieces...).do([]byte(anyRequest))
			if status != c.status || string(body) != c.body || !errors.Is(err, c.err) {
				t.Errorf("%d %.40q %v, want %d %.40q %v", status, body, err, c.status, c.body, c.err)
			}
		})
	}
}
