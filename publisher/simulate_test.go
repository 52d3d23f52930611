package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"ingot/internal/workload"
	"ingot/publisher/internal/ingottest"
)

// command runs the publisher in this process and returns what it wrote.
func command(ctx context.Context, transport http.RoundTripper, args ...string) (exit int, stdout, stderr string) {
	var out, errs bytes.Buffer
	exit = run(ctx, args, surroundings{stdout: &out, stderr: &errs, transport: transport})
	return exit, out.String(), errs.String()
}

// simulateJSON runs simulate with --json and reads the report.
func simulateJSON(t *testing.T, ctx context.Context, transport http.RoundTripper, args ...string) (int, outcome) {
	t.Helper()
	exit, stdout, stderr := command(ctx, transport, append([]string{"simulate", "--json", "--url=http://ingot"}, args...)...)
	var o outcome
	if err := json.Unmarshal([]byte(stdout), &o); err != nil {
		t.Fatalf("exit %d, report is no JSON: %v\n%s%s", exit, err, stdout, stderr)
	}
	if exit != o.ExitCode {
		t.Errorf("exit code %d, the report says %d", exit, o.ExitCode)
	}
	if sum := o.Stored + o.Duplicates + o.Invalid + o.Unknown + o.Failed; sum != o.SendsDone {
		t.Errorf("the fates add up to %d, not to %d sends", sum, o.SendsDone)
	}
	return exit, o
}

func TestARunAndTheSameAgain(t *testing.T) {
	t.Parallel()
	for name, batch := range map[string]string{"single": "--batch=1", "batches": "--batch=64"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := &ingottest.Server{}
				network := ingottest.Network(t, srv)
				exit, o := simulateJSON(t, t.Context(), network, "--events=700", batch)
				if exit != exitOK || o.SendsDone != 1000 || o.SendsPlanned != 1000 || o.Stored != 700 || o.Duplicates != 300 || o.UniqueEvents != 700 {
					t.Errorf("exit %d, %+v", exit, o)
				}
				if o.Audit == nil || o.Audit.Found != 700 || o.Attempts != 1000 || o.Requests != srv.Requests() || len(o.Notes) != 0 {
					t.Errorf("audit %+v, %+v", o.Audit, o)
				}
				exit, o = simulateJSON(t, t.Context(), network, "--events=700", batch)
				if exit != exitOK || o.Stored != 0 || o.Duplicates != 1000 || srv.Rows() != 700 {
					t.Errorf("again: exit %d, %+v", exit, o)
				}
				if len(o.Notes) != 1 || !strings.HasPrefix(o.Notes[0], "all 700 events were already there: same seed, same ids") {
					t.Errorf("again: notes %q", o.Notes)
				}
				if exit, o = simulateJSON(t, t.Context(), network, "--events=700", "--seed=2", batch); exit != exitOK || o.Stored != 700 {
					t.Errorf("another seed: exit %d, %+v", exit, o)
				}
			})
		})
	}
}

// TestFaultsCostNothing injects every kind of fault in a third of the requests:
// in the end each event is there once, and the tally says what happened.
func TestFaultsCostNothing(t *testing.T) {
	t.Parallel()
	kinds := []ingottest.Fault{
		ingottest.Busy, ingottest.Quota, ingottest.SlowBody, ingottest.Lost, ingottest.LostStored,
		ingottest.Broken, ingottest.CutBefore, ingottest.CutAfter, ingottest.Hang,
	}
	for name, args := range map[string][]string{"single": {"--events=3000"}, "batches": {"--events=20000", "--batch=20"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				chance := rand.New(rand.NewPCG(1, 2)) // asked by one request at a time
				srv := &ingottest.Server{Fault: func(int) ingottest.Fault {
					if chance.IntN(3) > 0 {
						return ingottest.None
					}
					return kinds[chance.IntN(len(kinds))]
				}}
				// An hour: four hangs in a row come by chance now and then.
				exit, o := simulateJSON(t, t.Context(), ingottest.Network(t, srv), append(args, "--give-up-after=1h")...)
				if exit != exitOK || o.SendsDone != o.SendsPlanned || srv.Rows() != o.UniqueEvents {
					t.Errorf("exit %d, %d rows, %+v", exit, srv.Rows(), o)
				}
				for _, cause := range []string{"http_503", "http_429", "http_408", "http_504", "http_500", "cut", "timeout"} {
					if o.Retries[cause] == 0 {
						t.Errorf("no retry for %s in %v", cause, o.Retries)
					}
				}
				if o.Stored >= o.UniqueEvents || o.AfterOpen == 0 || len(o.Notes) != 1 || !strings.HasPrefix(o.Notes[0], "stored is ") {
					t.Errorf("%d stored, %d after open, notes %q", o.Stored, o.AfterOpen, o.Notes)
				}
				if o.Audit == nil || o.Audit.Found != o.UniqueEvents || o.Audit.OpenFound+o.Audit.OpenLost != 0 {
					t.Errorf("audit %+v", o.Audit)
				}
			})
		})
	}
}

// TestADishonestServerFailsTheRun: each lie, on the two ways of reading back.
func TestADishonestServerFailsTheRun(t *testing.T) {
	t.Parallel()
	victim := workload.New(1).Event(40).ID
	type rows = []ingottest.Event
	for name, lie := range map[string]func(ingottest.Event) rows{
		"missing":   func(ingottest.Event) rows { return nil },
		"repeated":  func(e ingottest.Event) rows { return rows{e, e} },
		"different": func(e ingottest.Event) rows { e.Payload = "{}"; return rows{e} },
	} {
		for method, foreign := range map[string]int{"feed": 0, "lookup": 100_000} {
			t.Run(name+"/"+method, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					srv := &ingottest.Server{Keep: func(e ingottest.Event) rows {
						if e.ID == victim {
							return lie(e)
						}
						return rows{e}
					}}
					srv.Swell(foreign)
					exit, stdout, _ := command(t.Context(), ingottest.Network(t, srv), "simulate", "--events=100")
					if exit != exitBad || !strings.Contains(stdout, "finding    "+name+": event "+victim) || !strings.Contains(stdout, "by "+method) {
						t.Errorf("exit %d\n%s", exit, stdout)
					}
					exit, stdout, _ = command(t.Context(), ingottest.Network(t, srv), "simulate", "--events=100", "--no-audit")
					if exit != exitOK || !strings.Contains(stdout, "ok, not audited") {
						t.Errorf("without audit: exit %d\n%s", exit, stdout)
					}
				})
			})
		}
	}
}

func TestInvalidAndRefusedEventsFailTheRun(t *testing.T) {
	t.Parallel()
	victim := workload.New(1).Event(3)
	for name, c := range map[string]struct {
		srv     *ingottest.Server
		problem string
		check   func(outcome) bool
	}{
		"invalid": {
			&ingottest.Server{Invalid: func(e ingottest.Event) bool { return e.ID == victim.ID }}, "invalid",
			func(o outcome) bool { return o.Invalid == 1 && o.Stored == 9 && o.Audit.OpenLost == 1 },
		},
		"denied": {
			&ingottest.Server{Fault: func(int) ingottest.Fault { return ingottest.Denied }}, "http_403",
			func(o outcome) bool { return o.Failed == 10 && o.Audit.Expected == 0 },
		},
		"garbled": {
			&ingottest.Server{Fault: func(int) ingottest.Fault { return ingottest.Garbled }}, "answer",
			func(o outcome) bool { return o.Unknown == 10 && o.Audit.OpenFound == 10 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				exit, o := simulateJSON(t, t.Context(), ingottest.Network(t, c.srv), "--events=10", "--duplicates=0", "--batch=4")
				if exit != exitBad || o.Problems[c.problem] == "" || !c.check(o) {
					t.Errorf("exit %d, audit %+v, %+v", exit, o.Audit, o)
				}
			})
		})
	}
}

// TestAServerThatIsGoneEndsTheRun: 1000 sends at a minute each would be hours.
func TestAServerThatIsGoneEndsTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{Fault: func(n int) ingottest.Fault {
			if n < 100 {
				return ingottest.None
			}
			return ingottest.Busy
		}}
		began := time.Now()
		exit, o := simulateJSON(t, t.Context(), ingottest.Network(t, srv), "--events=700")
		if exit != exitBad || o.Failed < 8 || o.Failed > 16 || o.SendsDone >= 200 || !strings.Contains(o.Problems["stopped"], "gave up on 8 requests in a row: 503") {
			t.Errorf("exit %d, %+v", exit, o)
		}
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("took %v", took)
		}
	})
}

// TestAnInterruptIsClean: what was in flight is settled, and all of it tallied.
func TestAnInterruptIsClean(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer interrupt()
		srv := &ingottest.Server{}
		exit, o := simulateJSON(t, ctx, ingottest.Network(t, srv), "--events=700", "--rate=200")
		if exit != exitInterrupted || !o.Interrupted || o.Audit != nil || len(o.Problems) != 0 {
			t.Errorf("exit %d, %+v", exit, o)
		}
		if o.SendsDone < 90 || o.SendsDone > 110 || o.Stored != srv.Rows() || o.Requests != srv.Requests() || o.SendsPlanned != 1000 {
			t.Errorf("%d sends, %d stored of %d rows", o.SendsDone, o.Stored, srv.Rows())
		}
		ctx, interrupt = context.WithCancel(t.Context())
		interrupt()
		if exit, o = simulateJSON(t, ctx, ingottest.Network(t, srv)); exit != exitInterrupted || o.SendsDone != 0 {
			t.Errorf("interrupted before the start: exit %d, %+v", exit, o)
		}
	})
}

// interruptedAudit calls interrupt when it is asked for a page, and never answers.
func interruptedAudit(interrupt func()) http.Handler {
	return without(&ingottest.Server{}, func(_ http.ResponseWriter, r *http.Request) {
		interrupt()
		<-r.Context().Done()
	})
}

// without answers GET /events with a page from elsewhere.
func without(srv http.Handler, page http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			page(w, r)
			return
		}
		srv.ServeHTTP(w, r)
	})
}

// TestAnAuditThatCannotFinishFailsTheRun: what was not checked is not good.
func TestAnAuditThatCannotFinishFailsTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := ingottest.Network(t, without(&ingottest.Server{}, http.NotFound))
		exit, o := simulateJSON(t, t.Context(), network, "--events=70")
		if exit != exitBad || o.Audit != nil || !strings.Contains(o.Problems["audit"], "walk the feed: ") || o.Stored != 70 {
			t.Errorf("exit %d, audit %+v, %+v", exit, o.Audit, o)
		}
	})
}

func TestAnInterruptEndsTheAudit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		network := ingottest.Network(t, interruptedAudit(interrupt))
		exit, o := simulateJSON(t, ctx, network, "--events=70")
		if exit != exitInterrupted || o.Audit != nil || o.Stored != 70 || len(o.Problems) != 0 {
			t.Errorf("exit %d, audit %+v, %+v", exit, o.Audit, o)
		}
	})
}

// TestALowRate waits longer between two events than a Duration can say.
func TestALowRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		ctx, interrupt := context.WithTimeout(t.Context(), time.Hour)
		defer interrupt()
		if exit, _ := simulateJSON(t, ctx, ingottest.Network(t, srv), "--events=100", "--rate=1e-12"); exit != exitInterrupted || srv.Requests() != 1 {
			t.Errorf("exit %d, %d requests", exit, srv.Requests())
		}
	})
}

func TestTheRateIsKept(t *testing.T) {
	t.Parallel()
	for _, batch := range []string{"--batch=1", "--batch=10"} {
		synctest.Test(t, func(t *testing.T) {
			_, o := simulateJSON(t, t.Context(), ingottest.Network(t, &ingottest.Server{}), "--events=1000", "--duplicates=0", "--rate=100", batch)
			if o.ElapsedSecs < 9.8 || o.ElapsedSecs > 10 || o.EventsPerSecond < 99 {
				t.Errorf("%s: %d events in %.3f s, want 100 a second", batch, o.SendsDone, o.ElapsedSecs)
			}
		})
	}
}

// TestOverRealConnections is the one run over the network of this machine.
func TestOverRealConnections(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(&ingottest.Server{})
	defer srv.Close()
	exit, stdout, stderr := command(t.Context(), nil, "simulate", "--events=2000", "--url", srv.URL+"/")
	if exit != exitOK || strings.Trim(stderr, "\n") != "" && !strings.HasPrefix(stderr, "send: ") { // a slow machine
		t.Errorf("exit %d\n%s%s", exit, stdout, stderr)
	}
	for _, line := range []string{
		"  sends                 2,857   of 2,857 planned\n",
		"  stored                2,000\n",
		"  duplicates              857   30.0 % of the sends\n",
		"  audited               2,000   acknowledged events, by feed\n",
		"outcome    ok: every acknowledged event is there, once, as it was sent\n",
	} {
		if !strings.Contains(stdout, line) {
			t.Errorf("the report lacks %q:\n%s", line, stdout)
		}
	}
	if i := strings.IndexFunc(stdout, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }); i >= 0 {
		t.Errorf("a control character at %d of %q", i, stdout)
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	exit, stdout, stderr := command(t.Context(), nil, "simulate", "--url=http://127.0.0.1:1", "--give-up-after=0s")
	if exit != exitBad || stdout != "" || !strings.Contains(stderr, "publisher: reach server: ") {
		t.Errorf("exit %d\n%s%s", exit, stdout, stderr)
	}
}
