package netproxy

import (
	"io"
	"net"
	"testing"
	"time"

	"ingot/internal/door"
)

// newRaw is a client and a server that speak no HTTP, with a proxy between.
func newRaw(t *testing.T) (p *Proxy, client, server *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	p, err = Open(l.Addr().String())
	must(t, err)
	t.Cleanup(p.Close)
	c, err := net.Dial("tcp", p.Address())
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	s, err := l.Accept()
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	for _, c := range []net.Conn{c, s} {
		must(t, c.SetDeadline(time.Now().Add(time.Minute)))
	}
	return p, c.(*net.TCPConn), s.(*net.TCPConn)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, c net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Errorf("heard %q, %v, want %q", b, err, want)
	}
}

// TestAHalfThatIsClosed is closed on the other side, and the answer still comes.
func TestAHalfThatIsClosed(t *testing.T) {
	t.Parallel()
	_, client, server := newRaw(t)
	_, err := client.Write([]byte("question"))
	must(t, err)
	must(t, client.CloseWrite())
	if all, err := io.ReadAll(server); string(all) != "question" || err != nil {
		t.Errorf("the server heard %q, %v", all, err)
	}
	_, err = server.Write([]byte("answer"))
	must(t, err)
	hear(t, client, "answer")
}

// TestAnAnswerThatHasBegunComes to its end: what is armed while a request is on its way is for the next one.
func TestAnAnswerThatHasBegunComes(t *testing.T) {
	t.Parallel()
	p, client, server := newRaw(t)
	armed := &door.Armed{}
	for _, c := range []struct {
		from, to net.Conn
		text     string
	}{{client, server, "begun"}, {client, server, "ended"}, {server, client, "answer"}, {client, server, "the next"}} {
		if armed.Fired() {
			t.Errorf("%q: it has struck a request that was on its way", c.text)
		}
		if c.text == "ended" {
			armed = p.SwallowAnswers(1)
		}
		_, err := c.from.Write([]byte(c.text))
		must(t, err)
		hear(t, c.to, c.text)
	}
	_, err := server.Write([]byte("its answer"))
	must(t, err)
	if came, err := io.ReadAll(client); len(came) > 0 || err == nil || !armed.Fired() {
		t.Errorf("of the next answer came %q, %v", came, err)
	}
}
