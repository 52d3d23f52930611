package torture

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestPublisherFollows: publisher follow prints every event once and in the order of
// the feed while its server is stopped, and killed, and started again.
func TestPublisherFollows(t *testing.T) {
	i := startIngester(t, "--data-dir="+dataFolder(t))
	publishRequests(t, i, 0, 20)
	p := launch(t, binary(t, "publisher"), "follow", "--url", i.url(""), "--json", "--after=beginning", "--count=3000")
	for round, end := range []func(){func() { i.stop(t) }, func() { i.kill() }} {
		await(t, "events that are printed", func() bool { return len(printed(t, p)) == 1000*(round+1) })
		end()
		i.start(t)
		publishRequests(t, i, 20*(round+1), 20)
	}
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := printed(t, p); !slices.Equal(got, feedOrder(t, i)) {
		t.Errorf("%d events are printed, and not those of the feed in its order", len(got))
	}
	if said := p.said(p.stderr); strings.Count(said, "trying again") != 2 || strings.Contains(said, "\x1b") {
		t.Errorf("two outages, and no terminal: %q", said)
	}
	i.stop(t)
}

// TestPublisherFollowsASubscription: kill -9 in the middle brings again what was not
// committed and leaves nothing out; the next run begins behind what was.
func TestPublisherFollowsASubscription(t *testing.T) {
	i := startIngester(t, "--data-dir="+dataFolder(t))
	follow := func(more ...string) *process {
		args := []string{"follow", "--url", i.url(""), "--json", "--subscription=billing"}
		return launch(t, binary(t, "publisher"), append(args, more...)...)
	}
	if p := follow(); p.wait() != 1 || !strings.Contains(p.said(p.stderr), "--subscription=billing --create --after=beginning") {
		t.Errorf("no such subscription: %s", p.said(p.stderr))
	}
	publishRequests(t, i, 0, 100)
	killed := follow("--create", "--after=beginning")
	await(t, "events that are printed", func() bool { return len(printed(t, killed)) > 0 })
	killed.kill()
	before := printed(t, killed)

	publishRequests(t, i, 100, 1) // so that there is something for the next one in any case
	order := feedOrder(t, i)
	p := follow()
	await(t, "the last commit", func() bool { return lagOf(t, i) == 0 })
	p.Signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d after an interrupt: %s", code, p.said(p.stderr))
	}
	after := printed(t, p)
	again := len(before) + len(after) - len(order)
	if !slices.Equal(before, order[:len(before)]) || again < 0 || !slices.Equal(after, order[len(order)-len(after):]) {
		t.Errorf("%d events, then %d, of %d", len(before), len(after), len(order))
	}
	t.Logf("%d events were printed when it was killed, %d of them came again", len(before), again)
	i.stop(t)
}

// lagOf is how many events lie behind the place of the only subscription.
func lagOf(t *testing.T, i *ingester) int {
	t.Helper()
	answer, err := i.http.Get(i.url("/subscriptions"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var list struct {
		Subscriptions []struct {
			Lag int `json:"lag_events"`
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil || len(list.Subscriptions) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	return list.Subscriptions[0].Lag
}

// TestPublisherFollowsWhatIsGone: a place in the log of another database is answered
// 410, and the message says where to begin.
func TestPublisherFollowsWhatIsGone(t *testing.T) {
	from, to := startIngester(t, "--data-dir="+dataFolder(t)), startIngester(t, "--data-dir="+dataFolder(t))
	publishRequests(t, from, 0, 1)
	publishRequests(t, to, 1, 1)
	p := launch(t, binary(t, "publisher"), "follow", "--url", from.url(""), "--after=beginning", "--count=1")
	if code := p.wait(); code != 0 {
		t.Fatal(code)
	}
	_, place, _ := strings.Cut(p.said(p.stderr), "--after=")
	place, _, _ = strings.Cut(place, "\n")
	gone := launch(t, binary(t, "publisher"), "follow", "--url", to.url(""), "--after="+place)
	if code := gone.wait(); code != 1 || !strings.Contains(gone.said(gone.stderr), "410") || !strings.Contains(gone.said(gone.stderr), "starts at the oldest") {
		t.Errorf("exit code %d: %s", code, gone.said(gone.stderr))
	}
	_, oldest, _ := strings.Cut(gone.said(gone.stderr), "--after=")
	oldest, _, _ = strings.Cut(oldest, " ")
	p = launch(t, binary(t, "publisher"), "follow", "--url", to.url(""), "--after="+oldest, "--count=50", "--json")
	if code := p.wait(); code != 0 || len(printed(t, p)) != 50 {
		t.Errorf("--after=%s: exit code %d: %s", oldest, code, p.said(p.stderr))
	}
	from.stop(t)
	to.stop(t)
}

// publishRequests sends n requests of 50 events each, the first with this number.
func publishRequests(t *testing.T, i *ingester, first, n int) {
	t.Helper()
	for r := first; r < first+n; r++ {
		if a := i.publishBytes(events(r, 50, 20)); a.status != http.StatusOK {
			t.Fatal(a)
		}
	}
}

// printed is the ids of the events that a process has written.
func printed(t *testing.T, p *process) []string { t.Helper(); return idsOf(t, p.said(p.stdout)) }

// feedOrder is the ids of all events in the order of the feed.
func feedOrder(t *testing.T, i *ingester) []string { t.Helper(); return idsOf(t, exported(t, i)) }

// idsOf is the ids of the events in a text of one event a line. A line without an end is still being written.
func idsOf(t *testing.T, text string) (ids []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		var e struct {
			ID string `json:"event_id"`
		}
		if !strings.HasSuffix(line, "\n") {
			break
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		ids = append(ids, e.ID)
	}
	return ids
}
