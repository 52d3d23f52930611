package traffic

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ingot/internal/event"
	"ingot/torture/internal/oracle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPlan: a seed is a plan, and what plans have in common.
func TestPlan(t *testing.T) {
	t.Parallel()
	const n = 10_000
	plan := Plan(1, n)
	if !reflect.DeepEqual(plan, Plan(1, n)) {
		t.Error("the same seed makes two plans")
	}
	if first := Plan(2, 1); plan[0].Events[0].Key == first[0].Events[0].Key { // ids of bad events always have the seed
		t.Error("two seeds make the same plan")
	}
	singles, events, copies, bad := 0, 0, 0, 0
	seen := map[string]int{}
	keys := map[oracle.Key]bool{}
	for _, r := range plan {
		events += len(r.Events)
		if r.Form == Single {
			singles++
		}
		for _, has := range []string{
			fmt.Sprint("form ", r.Form), fmt.Sprint("gzip ", r.Gzip), fmt.Sprint("all ", r.All), fmt.Sprint("patient ", r.Patient),
			fmt.Sprint("spoil ", r.Spoil), fmt.Sprint("leave ", r.Leave), fmt.Sprint("bad ", r.Events[0].Bad),
		} {
			seen[has]++
		}
		own := map[oracle.Key]bool{}
		for _, e := range r.Events {
			if own[e.Key] {
				copies++
			}
			own[e.Key], keys[e.Key] = true, true
			if e.Bad != Good {
				bad++
			}
		}
	}
	t.Logf("%d events, %d keys, %d copies in a request, %d bad, %d single", events, len(keys), copies, bad, singles)
	if singles < n/2 || events < 5*n {
		t.Error("fewer than half are single events, or fewer than five a request")
	}
	for what, most := range map[string]int{"form": int(NDJSON), "spoil": int(spoils) - 1, "leave": int(LeaveSent), "bad": int(BadRaw) - 1} {
		for k := range most + 1 {
			if name := fmt.Sprint(what, " ", k); seen[name] == 0 {
				t.Errorf("no request of %s", name)
			}
		}
	}
	if seen["patient true"] < n*7/10 || seen["patient false"] == 0 || seen["gzip true"] < n/10 || seen["all true"] < n/10 || seen["all false"] < n/10 || seen["spoil 0"] < n*9/10 || seen["leave 0"] < n*9/10 {
		t.Errorf("most requests are to be sent until they are settled, and the others of every kind: %v", seen)
	}
	if len(keys) > events*8/10 || copies < events/50 || bad == 0 {
		t.Error("too few keys are repeated, or no event is bad")
	}
}

// TestSpoil: whatever a request was to be, nobody else has its keys, and it is refused as a whole for one reason.
func TestSpoil(t *testing.T) {
	t.Parallel()
	for form, want := range map[Form]Form{Single: Single, Array: Array, Wrapped: Wrapped, NDJSON: Array} {
		r := Request{Form: form, Gzip: true, Patient: true, Events: []Event{{Key: oracle.Key{ID: "a", Topic: "t"}, Bad: BadNUL}}}
		(&planner{Rand: rand.New(rand.NewPCG(1, 1))}).spoil(&r)
		if e := r.Events[0]; r.Spoil == Unspoilt || r.Form != want || r.Gzip || r.Patient || e.Bad != Good || e.Key != (oracle.Key{ID: "spoilt-a", Topic: "spoilt"}) {
			t.Errorf("%d: %+v", form, r)
		}
	}
}

// TestPrint: whatever a row keeps of an event makes a difference.
func TestPrint(t *testing.T) {
	t.Parallel()
	of := Print("s", epoch, []byte("1"))
	for what, other := range map[string]uint64{
		"payload": Print("s", epoch, []byte("2")), "source": Print("S", epoch, []byte("1")),
		"timestamp": Print("s", epoch.Add(time.Microsecond), []byte("1")),
	} {
		if other == of {
			t.Errorf("another %s has the same print", what)
		}
	}
	e := Event{Filler: 5000}
	if n := len(e.payload(7)); n < e.Filler || n > e.Filler+100 {
		t.Errorf("a payload of %d bytes, want %d and little more", n, e.Filler)
	}
}

// TestRaw: what its sender knows to be wrong is sent as it is.
func TestRaw(t *testing.T) {
	t.Parallel()
	r := list(3)
	r.Events[1].Bad, r.Events[1].Raw = BadRaw, `{"payload":1e99999`
	s := r.Sending(0, "s")
	if !bytes.Contains(s.Bytes, []byte(`},{"payload":1e99999,{`)) || s.Events[1] != (oracle.Event{Key: r.Events[1].Key}) {
		t.Errorf("%s, %+v", s.Bytes, s.Events[1])
	}
}

// TestHeads: a request says what it is, unless it is spoilt: then in one point something else.
func TestHeads(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change             func(r *Request)
		kind, coding, asks string
		cut                int
	}{
		"plain":       {func(*Request) {}, "application/json", "", "all", 0},
		"not all":     {func(r *Request) { r.All = false }, "application/json", "", "", 0},
		"gzip":        {func(r *Request) { r.Gzip = true }, "application/json", "gzip", "all", 0},
		"lines":       {func(r *Request) { r.Form = NDJSON }, "application/x-ndjson", "", "all", 0},
		"cut short":   {func(r *Request) { r.Spoil = CutShort }, "application/json", "", "all", 1},
		"wrong type":  {func(r *Request) { r.Spoil = WrongType }, "text/html", "", "all", 0},
		"wrong coded": {func(r *Request) { r.Spoil = WrongCoded }, "application/json", "br", "all", 0},
		"not gzip":    {func(r *Request) { r.Spoil = NotGzip }, "application/json", "gzip", "all", 0},
	} {
		r := list(3)
		_, whole, _ := bytes.Cut(r.Sending(0, "s").Bytes, []byte("\r\n\r\n"))
		c.change(&r)
		if r.Form == NDJSON {
			whole = append(bytes.ReplaceAll(bytes.Trim(whole, "[]"), []byte("},{"), []byte("}\n{")), '\n')
		}
		got, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(r.Sending(0, "s").Bytes)))
		if err != nil {
			t.Fatal(name, err)
		}
		body := io.Reader(got.Body)
		if r.Gzip {
			if body, err = gzip.NewReader(body); err != nil {
				t.Fatal(name, err)
			}
		}
		b, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(b, whole[:len(whole)-c.cut]) || got.Header.Get("Content-Type") != c.kind || got.Header.Get("Content-Encoding") != c.coding || got.URL.Query().Get("results") != c.asks {
			t.Errorf("%s: %v, %v, %q with the body %q, want %q", name, err, got.URL, got.Header, b, whole)
		}
	}
}

// TestSendings: what is sent decodes to the events that were written down, whatever
// the form, and no two attempts have the same bytes. What is bad is refused.
func TestSendings(t *testing.T) {
	t.Parallel()
	prints := map[uint64]bool{}
	for n, r := range Plan(3, 3000) {
		if r.Spoil != Unspoilt {
			continue
		}
		r.Gzip = false
		for try := range 2 {
			first := 10_000_000*try + 1000*n
			s := r.Sending(first, "client-1")
			_, body, _ := bytes.Cut(s.Bytes, []byte("\r\n\r\n"))
			format := event.JSON
			if r.Form == NDJSON {
				format = event.NDJSON
			}
			got, err := event.Decode(string(body), format, event.DefaultLimits())
			if err != nil || got.Total != len(r.Events) || len(got.Invalid) != r.bad() {
				t.Fatalf("request %d: %v, %d events and %d invalid of %d and %d\n%s", n, err, got.Total, len(got.Invalid), len(r.Events), r.bad(), body)
			}
			for k := range got.Events {
				e := got.Events[k]
				want := s.Events[got.Position(k)]
				if number := fmt.Sprintf(`{"attempt":%d,`, first+got.Position(k)); !strings.HasPrefix(e.Payload, number) {
					t.Fatalf("request %d, event %d: %.40q is not of %s", n, k, e.Payload, number)
				}
				if print := Print(e.Source, e.Timestamp, []byte(e.Payload)); print != want.Print || e.ID != want.Key.ID || e.Topic != want.Key.Topic {
					t.Fatalf("request %d, event %d: %+v is not what was written down", n, k, e)
				}
			}
			for _, e := range s.Events {
				if prints[e.Print] {
					t.Fatalf("request %d: two attempts with the same bytes", n)
				}
				prints[e.Print] = true
			}
		}
	}
}
