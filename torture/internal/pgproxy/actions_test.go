package pgproxy

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// codeOf is the SQLSTATE that a client was told, or "".
func codeOf(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return ""
}

// TestErrorInPlace: the server did not get the message, and knows that its
// transaction has failed.
func TestErrorInPlace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, c := range []struct {
		step, sqlstate string
		at             Point
		status         byte
	}{
		{"commit", "40001", Commit, 'E'},
		{"commit", "55P03", Log, 'E'},
		{"direct", "22021", Direct, 'E'},
		{"merge", "40P01", Merge, 'E'},
		{"look-up", "XX000", LookUp, 'I'},
		{"fence", "25006", Fence, 'E'},
		{"setup", "57014", Setup, 'I'},
		{"read", "54000", Read, 'I'},
		{"block of ids", "53200", Any, 'I'},
	} {
		t.Run(c.step+" "+string(c.at), func(t *testing.T) {
			conn := h.opened(t, c.step)
			before := h.batches(t)
			armed := h.Arm(Fault{At: c.at, Do: Error, SQLSTATE: c.sqlstate})
			err := stepNamed(c.step).do(t.Context(), conn)
			if codeOf(err) != c.sqlstate || conn.IsClosed() || conn.TxStatus() != c.status {
				t.Errorf("%v, status %c, want %c", err, conn.TxStatus(), c.status)
			}
			if !armed.Fired() {
				t.Error("not fired")
			}
			if c.status == 'E' { // the server's word, not the proxy's
				if err := query("SELECT 1")(t.Context(), conn); codeOf(err) != "25P02" {
					t.Errorf("after the error: %v", err)
				}
				exec(t, conn, "ROLLBACK")
			}
			if n := exec(t, conn, "SELECT 7"); string(n[0][0]) != "7" {
				t.Errorf("the connection answers %s", n)
			}
			if after := h.batches(t); after != before {
				t.Errorf("%s batches, %s before", after, before)
			}
		})
	}
}

// TestFatal: the client hears the code, and that it is one, and the server rolls
// back.
func TestFatal(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, c := range []struct {
		step, sqlstate string
		at             Point
	}{{"commit", "57P01", Commit}, {"direct", "57P02", Direct}, {"merge", "53300", Merge}, {"fence", "57P03", Fence}, {"commit", "25P03", Commit}} {
		conn := h.opened(t, c.step)
		before := h.batches(t)
		h.Arm(Fault{At: c.at, Do: Error, SQLSTATE: c.sqlstate})
		err := stepNamed(c.step).do(t.Context(), conn)
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); !ok || pgErr.Code != c.sqlstate || pgErr.Severity != "FATAL" {
			t.Errorf("%s: %v", c.step, err)
		}
		end(conn)
		await(t, "no backends", func() bool { return h.Connections() == 0 })
		if after := h.batches(t); after != before {
			t.Errorf("%s: %s batches, %s before", c.step, after, before)
		}
	}
	h.Arm(Fault{At: Connect, Do: Error, SQLSTATE: "53300"})
	if _, err := pgconn.Connect(t.Context(), h.URL); codeOf(err) != "53300" {
		t.Errorf("connect: %v", err)
	}
}

// TestRollBack: no error, and nothing written.
func TestRollBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, at := range map[string]Point{"commit": Commit, "direct": Commit, "fence": Fence} {
		conn := h.opened(t, name)
		before := h.batches(t)
		h.Arm(Fault{At: at, Do: RollBack})
		do := stepNamed(name).do
		if name == "direct" { // pgx's CopyFrom waits for ever if it meets ReadyForQuery before the end of its rows
			do = query(directSQL)
		}
		if err := do(t.Context(), conn); err != nil || conn.TxStatus() != 'I' {
			t.Errorf("%s: %v, status %c", name, err, conn.TxStatus())
		}
		if after := h.batches(t); after != before {
			t.Errorf("%s: %s batches, %s before", name, after, before)
		}
	}
	conn := h.opened(t, "commit")
	h.Arm(Fault{At: Commit, Do: RollBack})
	results, err := conn.Exec(t.Context(), "EXECUTE ingot_log; COMMIT").ReadAll()
	if err != nil || len(results) != 1 || results[0].CommandTag.String() != "ROLLBACK" {
		t.Errorf("%v, %v", results, err)
	}
}

// TestCuts: what arrived and what did not, on either path and in a COPY's data.
func TestCuts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, do := range []Action{DropBefore, SwallowAfter, HalfThenCut} {
		for _, c := range []struct {
			step string
			at   Point
		}{{"commit", Commit}, {"direct", Commit}, {"direct", Rows}, {"fence", Fence}} {
			t.Run(string(do)+" "+c.step+" "+string(c.at), func(t *testing.T) {
				conn := h.opened(t, c.step)
				before := h.batches(t)
				armed := h.Arm(Fault{At: c.at, Do: do})
				err := stepNamed(c.step).do(t.Context(), conn)
				if err == nil || codeOf(err) != "" || !armed.Fired() {
					t.Errorf("%v, fired: %v", err, armed.Fired())
				}
				await(t, "the server's end of it", func() bool { return h.backends(t) == "0" })
				if after := h.batches(t); (after != before) != (do == SwallowAfter) {
					t.Errorf("%s batches, %s before", after, before)
				}
			})
		}
	}
	for _, do := range []Action{DropBefore, SwallowAfter, HalfThenCut} {
		h.Arm(Fault{At: Connect, Do: do})
		if conn, err := pgconn.Connect(t.Context(), h.URL); err == nil {
			t.Errorf("%s at connect: %v", do, conn)
		}
		conn := h.opened(t, "merge")
		h.Arm(Fault{At: Merge, Do: do})
		if err := stepNamed("merge").do(t.Context(), conn); err == nil || codeOf(err) != "" {
			t.Errorf("%s at merge: %v", do, err)
		}
	}
}

// backends is how many sessions the database has besides the one that asks.
func (h house) backends(t *testing.T) string {
	t.Helper()
	return string(exec(t, h.tidy, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")[0][0])
}

// TestHang: the batch is committed and its client waits until it gives up.
func TestHang(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, name := range []string{"commit", "direct"} {
		conn := h.opened(t, name)
		before := h.batches(t)
		h.Arm(Fault{At: Commit, Do: HangAfter})
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- stepNamed(name).do(ctx, conn) }() // ends with ctx, awaited below
		await(t, "the commit", func() bool { return h.batches(t) != before })
		// Ended by the server, as the fence does: the client is told nothing still.
		exec(t, h.tidy, "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		select {
		case err := <-result:
			t.Errorf("%s: answered: %v", name, err)
		default:
		}
		if h.Connections() != 1 {
			t.Errorf("%s: the socket was closed", name)
		}
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		end(conn)
		await(t, "the proxy's end of it", func() bool { return h.Connections() == 0 })
	}
}

// TestDelayBefore: the message arrives late, and also when nobody waits any more.
func TestDelayBefore(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, name := range []string{"commit", "direct"} {
		const delay = 300 * time.Millisecond
		conn := h.opened(t, name)
		h.Arm(Fault{At: Commit, Do: DelayBefore, Delay: delay})
		began := time.Now()
		if err := stepNamed(name).do(t.Context(), conn); err != nil || time.Since(began) < delay {
			t.Errorf("%s: %v after %v", name, err, time.Since(began))
		}
		end(conn)

		conn = h.opened(t, name)
		before := h.batches(t)
		armed := h.Arm(Fault{At: Commit, Do: DelayBefore, Delay: delay})
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- stepNamed(name).do(ctx, conn) }() // ends with ctx, awaited below
		<-armed.Done()
		if name == "commit" { // the direct path's rows may not all be sent yet
			cancel()
		}
		if err := <-result; (err == nil) != (name == "direct") {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		end(conn)
		await(t, "the late commit", func() bool { return h.batches(t) != before })
	}
}
