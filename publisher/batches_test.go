package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"ingot/publisher/internal/ingottest"
)

// picky refuses whole requests, and passes the others on: those for which refusal returns a status and a body.
func picky(srv *ingottest.Server, refusal func(body string) (int, string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is cut is refused by whoever reads it
		if status, says := refusal(string(body)); status > 0 && r.URL.Path == "/publish" {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, says)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		srv.ServeHTTP(w, r)
	})
}

// TestNeighboursOfWhatIsRefused are stored: a constraint of somebody's refuses an event, and with it its request, and a proxy takes no large
// request.
func TestNeighboursOfWhatIsRefused(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x\n", 300) + "poison\n" + strings.Repeat("x\n", 200) + strings.Repeat("large ", 100) + "\n" + strings.Repeat("x\n", 498)
	for name, c := range map[string]struct {
		refusal func(body string) (int, string)
		stored  int
		named   string
	}{
		"by Postgres": {func(body string) (int, string) {
			return 422 * strings.Count(body, "poison"), `{"type":"urn:ingot:problem:refused-by-postgres","title":"no"}`
		}, 999, "app.log:301: refused by the server: 422 no"},
		"for its size":       {func(body string) (int, string) { return 413 * min(1, len(body)/10_000), "<html>" }, 1000, ""},
		"alone for its size": {func(body string) (int, string) { return 413 * min(1, len(body)/600), "<html>" }, 999, "app.log:502: not stored: 413 <html>"},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{}
			exit, o := replayed(t, t.Context(), ingottest.Network(t, picky(srv, c.refusal)), "", written(t, "app.log", text))
			if srv.Rows() != c.stored || o.Stored != c.stored || o.SendsDone != 1000 || (exit == exitOK) != (c.stored == 1000) || o.Audit == nil || o.Audit.Found != c.stored {
				t.Errorf("%s: exit %d, %d rows, %+v", name, exit, srv.Rows(), o)
			}
			if named := fmt.Sprint(o.Named); (len(o.Named) == 1) != (c.named != "") || !strings.Contains(named, c.named) {
				t.Errorf("%s: named %s, want %s", name, named, c.named)
			}
		})
	}
}

// TestSimulateDividesWhatIsRefused, as replay does.
func TestSimulateDividesWhatIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		var asked atomic.Int64
		small := picky(srv, func(body string) (int, string) {
			if body != "" { // it is no read
				asked.Add(1)
			}
			return 413 * min(1, len(body)/5_000), "<html>"
		})
		exit, o := simulateJSON(t, t.Context(), ingottest.Network(t, small), "--events=300", "--batch=100")
		if exit != exitOK || o.Stored != 300 || o.SendsDone != o.SendsPlanned || srv.Rows() != 300 || o.Requests <= o.SendsPlanned/100 || o.Requests != int(asked.Load()) {
			t.Errorf("exit %d, %d rows, %d requests, %+v", exit, srv.Rows(), asked.Load(), o)
		}
	})
}

// TestWhereEverythingIsRefused not every event is sent by itself.
func TestWhereEverythingIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		refused := picky(srv, func(string) (int, string) { return 422, `{"type":"urn:ingot:problem:refused-by-postgres"}` })
		exit, o := replayed(t, t.Context(), ingottest.Network(t, refused), "", "--concurrency=1", written(t, "app.log", strings.Repeat("x\n", 20_000)))
		if exit != exitBad || o.Invalid != 20_000 || o.Requests > 3*maxVain {
			t.Errorf("exit %d, %+v", exit, o)
		}
	})
}

// TestWhereMuchIsRefused each neighbour is stored all the same: only refusals in a row are in vain.
func TestWhereMuchIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		refused := picky(srv, func(body string) (int, string) {
			return 422 * min(1, strings.Count(body, "poison")), `{"type":"urn:ingot:problem:refused-by-postgres"}`
		})
		exit, o := replayed(t, t.Context(), ingottest.Network(t, refused), "", "--batch=2", written(t, "app.log", strings.Repeat("poison\nx\n", maxVain+100)))
		if exit != exitBad || o.Invalid != maxVain+100 || o.Stored != maxVain+100 {
			t.Errorf("exit %d, %+v", exit, o)
		}
	})
}
