package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ingot/publisher/internal/ingottest"
)

// TestFollowRefused: what is final ends it at once, and says what to type.
func TestFollowRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args []string
		gone bool
		says []string
	}{
		{"a cursor that is none", []string{"--after=xyz"}, false, []string{"400", "not a valid cursor", "now, beginning, or a cursor"}},
		{"a cursor that is gone", []string{"--after=4"}, true, []string{"410", "--after=0 starts at the oldest"}},
		{"no such subscription", []string{"--subscription=x"}, false, []string{"404", "publisher follow --subscription=x --create --after=beginning"}},
		{"a subscription from a cursor that is none", []string{"--subscription=x", "--create", "--after=y"}, false, []string{"400", "now, beginning, or a cursor"}},
		{"a subscription whose place is gone", []string{"--subscription=old"}, true, []string{"410", "curl -X DELETE http://ingot/subscriptions/old,", "--create --after=0"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{}
			network := ingottest.Network(t, srv)
			publish(t, network, 0, 3)
			followed(t, t.Context(), network, "--subscription=old", "--create", "--after=beginning", "--count=3")
			if c.gone {
				srv.Rewind()
			}
			began := time.Now()
			exit, stdout, stderr := followed(t, t.Context(), network, c.args...)
			if exit != exitBad || stdout != "" || time.Since(began) > 0 {
				t.Errorf("%s: exit %d after %v, stdout %q", c.name, exit, time.Since(began), stdout)
			}
			for _, says := range c.says {
				if !strings.Contains(stderr, says) {
					t.Errorf("%s: does not say %q:\n%s", c.name, says, stderr)
				}
			}
		})
	}
}

// TestFollowOfAStreamThatIsRewound: what was read before is printed.
func TestFollowOfAStreamThatIsRewound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		network := ingottest.Network(t, srv)
		publish(t, network, 0, 3)
		time.AfterFunc(time.Hour, srv.Rewind)
		exit, stdout, stderr := followed(t, t.Context(), network, "--after=beginning", "--json")
		if got := idsOf(t, stdout); exit != exitBad || len(got) != 3 || strings.Contains(stderr, "trying again") || !strings.Contains(stderr, "410") || !strings.Contains(stderr, "--after=0 starts") {
			t.Errorf("exit %d, printed %v\n%s", exit, got, stderr)
		}
	})
}

// TestFollowPrintsWhatCameWithTheEnd: an event that arrives together with the refusal
// is printed, and one that is broken off is not.
func TestFollowPrintsWhatCameWithTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := ingottest.Network(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "id: 1\r\ndata: {\"event_id\":\"0\",\r\ndata:\"payload\":1}\r\n\r\nevent: gone\ndata: {\"status\":410}\n\nid: 2\ndata: {}\n")
		}))
		exit, stdout, stderr := followed(t, t.Context(), network, "--json")
		if exit != exitBad || stdout != "{\"event_id\":\"0\", \"payload\":1}\n" || !strings.Contains(stderr, "--after=beginning starts") {
			t.Errorf("exit %d, stdout %q\n%s", exit, stdout, stderr)
		}
	})
}

// TestFollowOfWhatIsNoEvent ends, and nothing of it is committed.
func TestFollowOfWhatIsNoEvent(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"--subscription=x"}} {
		synctest.Test(t, func(t *testing.T) {
			network := ingottest.Network(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/events/stream":
					w.Header().Set("Content-Type", "text/event-stream")
					fmt.Fprint(w, "id: 1\ndata: 7\n\n")
				case "/subscriptions/x/events":
					fmt.Fprint(w, `{"events":[7],"next_cursor":"1"}`)
				default:
					t.Errorf("%s %s", r.Method, r.URL)
				}
			}))
			exit, stdout, stderr := followed(t, t.Context(), network, args...)
			if exit != exitBad || stdout != "" || !strings.Contains(stderr, "the server sent something that is not an event") {
				t.Errorf("%v: exit %d, stdout %q\n%s", args, exit, stdout, stderr)
			}
		})
	}
}

// TestFollowOfOneTooMany says what to forget, and not that the name is taken.
func TestFollowOfOneTooMany(t *testing.T) {
	t.Parallel()
	for kind, says := range map[string]string{
		"too-many-subscriptions": "curl -X DELETE http://ingot/subscriptions/NAME deletes one",
		"subscription-differs":   "or use another name",
	} {
		synctest.Test(t, func(t *testing.T) {
			network := ingottest.Network(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusConflict)
				fmt.Fprintf(w, `{"type":"urn:ingot:problem:%s","detail":"no"}`, kind)
			}))
			if exit, _, stderr := followed(t, t.Context(), network, "--subscription=x", "--create"); exit != exitBad || !strings.Contains(stderr, says) {
				t.Errorf("%s: exit %d\n%s", kind, exit, stderr)
			}
		})
	}
}

// TestFollowWithoutItsKey says what is wanting; so the wrong one is told from one for something else.
func TestFollowWithoutItsKey(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{401: "put a key into INGOT_KEY", 403: "must have the right to read"} {
		synctest.Test(t, func(t *testing.T) {
			var sent []string
			network := ingottest.Network(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sent = append(sent, r.Header.Get("Authorization"))
				w.WriteHeader(status)
			}))
			exit, stdout, stderr := followed(t, t.Context(), network, "--key=ingot_x")
			if exit != exitBad || stdout != "" || strings.Count(stderr, want) != 1 || strings.Contains(stderr, "ingot_x") {
				t.Errorf("%d: exit %d, stdout %q\n%s", status, exit, stdout, stderr)
			}
			if len(sent) != 1 || sent[0] != "Bearer ingot_x" {
				t.Errorf("%d: sent %q, want the key, once", status, sent)
			}
		})
	}
}

// TestWithAKeyForSomeTopics: what to type is said by follow, and by those that audit.
func TestWithAKeyForSomeTopics(t *testing.T) {
	t.Parallel()
	refused := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"type":"urn:ingot:problem:no-topic","title":"The key does not have this topic","detail":"only orders"}`)
	}
	for _, args := range [][]string{nil, {"--subscription=x"}, {"--subscription=x", "--create"}} {
		synctest.Test(t, func(t *testing.T) {
			network := ingottest.Network(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { refused(w) }))
			exit, _, stderr := followed(t, t.Context(), network, args...)
			if exit != exitBad || !strings.Contains(stderr, "403 The key does not have this topic: only orders") || !strings.Contains(stderr, "hint       the key in INGOT_KEY is for some topics only: name those to follow with --topic") {
				t.Errorf("%v: exit %d\n%s", args, exit, stderr)
			}
		})
	}
	for _, args := range [][]string{{"simulate", "--events=10"}, {"replay", written(t, "a.log", "a line\n")}} {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{}
			network := ingottest.Network(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/events" {
					refused(w)
					return
				}
				srv.ServeHTTP(w, r)
			}))
			exit, stdout, stderr := command(t.Context(), network, args...)
			if exit != exitBad || !strings.Contains(stdout, "403 The key does not have this topic: only orders") || !strings.Contains(stdout, "use --no-audit, or a key for all of them\n") {
				t.Errorf("%v: exit %d\n%s%s", args, exit, stdout, stderr)
			}
		})
	}
}

// TestFollowOfWhatIsNoIngot says to look at --url.
func TestFollowOfWhatIsNoIngot(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 404, 302} {
		synctest.Test(t, func(t *testing.T) {
			network := ingottest.Network(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(status)
				fmt.Fprint(w, "<p>hello")
			}))
			exit, stdout, stderr := followed(t, t.Context(), network)
			if exit != exitBad || stdout != "" || status != 302 && !strings.Contains(stderr, "is http://ingot an Ingot") {
				t.Errorf("%d: exit %d, stdout %q\n%s", status, exit, stdout, stderr)
			}
		})
	}
}

// TestFollowOfARedirect says where to.
func TestFollowOfARedirect(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"--subscription=x"}, {"--subscription=x", "--create"}} {
		synctest.Test(t, func(t *testing.T) {
			network := ingottest.Network(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://ingot:8443"+r.URL.Path, http.StatusMovedPermanently)
			}))
			exit, _, stderr := followed(t, t.Context(), network, args...)
			if exit != exitBad || !strings.Contains(stderr, ": to https://ingot:8443/") || !strings.Contains(stderr, "hint       the server is at another address: set --url") {
				t.Errorf("%v: exit %d\n%s", args, exit, stderr)
			}
		})
	}
}

// TestFollowASubscriptionOfWhatIsNoIngot: what answers 200 to everything, in JSON too, is not asked for ever, nor is what it
// has printed again and again.
func TestFollowASubscriptionOfWhatIsNoIngot(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"status":"ok"}`, `null`, `[]`, `<p>hello`, `{"events":[{"event_id":"1","topic":"t","payload":1}]}`} {
		synctest.Test(t, func(t *testing.T) {
			network := ingottest.Network(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // in the bubble; it passes only in a test that fails
			defer cancel()
			exit, stdout, stderr := followed(t, ctx, network, "--subscription=x", "--create")
			if exit != exitBad || stdout != "" || !strings.Contains(stderr, "read answer to GET /subscriptions/x/events") || !strings.Contains(stderr, "is http://ingot an Ingot") {
				t.Errorf("%s: exit %d, stdout %.200q\n%s", body, exit, stdout, stderr)
			}
		})
	}
}
