package pgproxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// raw is a client that has said who it is, and a server that says nothing: the bytes that come through can be counted.
type raw struct {
	*Proxy
	client, server net.Conn
}

func newRaw(t *testing.T) raw {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	r := raw{}
	r.Proxy, err = Open("postgres://" + l.Addr().String() + "/ingot")
	must(t, err)
	t.Cleanup(r.Close)
	r.client, err = net.Dial("tcp", r.Address())
	must(t, err)
	t.Cleanup(func() { _ = r.client.Close() })
	r.server, err = l.Accept()
	must(t, err)
	t.Cleanup(func() { _ = r.server.Close() })
	for _, c := range []net.Conn{r.client, r.server} {
		must(t, c.SetDeadline(time.Now().Add(hang)))
	}
	n := r.say(t, &pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "ingot"}})
	_, err = io.ReadFull(r.server, make([]byte, n))
	must(t, err)
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// say returns how many bytes were sent.
func (r raw) say(t *testing.T, messages ...pgproto3.FrontendMessage) int {
	t.Helper()
	var b []byte
	for _, m := range messages {
		var err error
		b, err = m.Encode(b)
		must(t, err)
	}
	_, err := r.client.Write(b)
	must(t, err)
	return len(b)
}

// TestHowMuchComesThrough of a message that is cut: none of it, or half. The client is reset by the one.
func TestHowMuchComesThrough(t *testing.T) {
	t.Parallel()
	for do, share := range map[Action]int{DropBefore: 0, HalfThenCut: 1} {
		r := newRaw(t)
		armed := r.Arm(Fault{At: Any, Do: do})
		n := r.say(t, &pgproto3.Query{String: "SELECT 'of some length'"})
		<-armed.Done()
		came, _ := io.ReadAll(r.server) // it may be reset
		if len(came) != share*n/2 {
			t.Errorf("%s: %d bytes of %d", do, len(came), n)
		}
		if _, err := r.client.Read(make([]byte, 1)); do == DropBefore && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: the client was told %v", do, err)
		}
	}
}

// TestWhatAsksForNoAnswerIsNotDelayed: of a prepared statement's messages only the last is.
func TestWhatAsksForNoAnswerIsNotDelayed(t *testing.T) {
	t.Parallel()
	r := newRaw(t)
	r.Delay(time.Hour)
	n := r.say(t, &pgproto3.Parse{Query: "SELECT 1"}, &pgproto3.Bind{}, &pgproto3.Execute{})
	if _, err := io.ReadFull(r.server, make([]byte, n)); err != nil {
		t.Error(err)
	}
}

// TestWhatWasAskedBeforeIsAnswered though the answer behind it is swallowed, as that of a batch is that was sent ahead: the
// connection ends once the server has said that it is done with the second. What was sent in place of the first counts as well.
func TestWhatWasAskedBeforeIsAnswered(t *testing.T) {
	t.Parallel()
	ready, err := (&pgproto3.ReadyForQuery{TxStatus: 'I'}).Encode(nil)
	must(t, err)
	for _, before := range []string{"SELECT 1", "EXECUTE ingot_log"} {
		r := newRaw(t)
		r.Arm(Fault{At: Log, Do: Error, SQLSTATE: "40001"})
		r.Arm(Fault{At: Commit, Do: SwallowAfter})
		r.say(t, &pgproto3.Query{String: before}, &pgproto3.Query{String: "COMMIT"})
		for came := []byte{}; !bytes.HasSuffix(came, []byte("COMMIT\x00")); {
			b := make([]byte, 1)
			_, err := r.server.Read(b)
			must(t, err)
			came = append(came, b...)
		}
		for _, to := range []string{"the startup", "the first"} {
			_, err = r.server.Write(ready)
			must(t, err)
			if _, err := io.ReadFull(r.client, make([]byte, len(ready))); err != nil {
				t.Fatalf("%s: the answer to %s: %v", before, to, err)
			}
		}
		if r.Connections() != 1 {
			t.Errorf("%s: ended before the second was answered", before)
		}
		_, err = r.server.Write(ready)
		must(t, err)
		if n, err := r.client.Read(make([]byte, 1)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: the answer to the second: %d bytes, %v", before, n, err)
		}
	}
}

// TestFatalEndsBothSides, though neither leaves by itself, and though the server has not answered what was asked before.
func TestFatalEndsBothSides(t *testing.T) {
	t.Parallel()
	r := newRaw(t)
	r.Arm(Fault{At: Any, Do: Error, SQLSTATE: "57P01"})
	r.say(t, &pgproto3.Query{String: "SELECT 1"})
	if came, err := io.ReadAll(r.server); err != nil || len(came) != 0 {
		t.Errorf("the server: %q, %v", came, err)
	}
	if came, err := io.ReadAll(r.client); err != nil || len(came) == 0 || came[0] != 'E' {
		t.Errorf("the client: %q, %v", came, err)
	}
}

// TestLastWordsComeThrough, from either side, though half a message is behind them, and then the other side is told of the end.
func TestLastWordsComeThrough(t *testing.T) {
	t.Parallel()
	ready, err := (&pgproto3.ReadyForQuery{TxStatus: 'I'}).Encode(nil)
	must(t, err)
	r := newRaw(t)
	_, err = r.server.Write(append(ready, ready[:3]...))
	must(t, err)
	must(t, r.server.Close())
	if came, err := io.ReadAll(r.client); err != nil || string(came) != string(ready) {
		t.Errorf("the server's: %q, %v", came, err)
	}
	asked, err := (&pgproto3.Query{String: "SELECT 1"}).Encode(nil)
	must(t, err)
	r = newRaw(t)
	_, err = r.client.Write(append(asked, asked[:3]...))
	must(t, err)
	must(t, r.client.Close())
	if came, err := io.ReadAll(r.server); err != nil || string(came) != string(asked) {
		t.Errorf("the client's: %q, %v", came, err)
	}
}

// TestWhoWaitsForCopyInResponseGetsIt, though the answer to that Query is kept back: such a client sends its rows only then.
func TestWhoWaitsForCopyInResponseGetsIt(t *testing.T) {
	t.Parallel()
	r := newRaw(t)
	armed := r.Arm(Fault{At: Commit, Do: HangAfter})
	n := r.say(t, &pgproto3.Query{String: directSQL})
	_, err := io.ReadFull(r.server, make([]byte, n))
	must(t, err)
	<-armed.Done()
	b, err := (&pgproto3.ReadyForQuery{TxStatus: 'I'}).Encode(nil) // the answer to the startup
	must(t, err)
	b, err = (&pgproto3.CopyInResponse{}).Encode(b)
	must(t, err)
	_, err = r.server.Write(b)
	must(t, err)
	if _, err := io.ReadFull(r.client, make([]byte, len(b))); err != nil {
		t.Error(err)
	}
}
