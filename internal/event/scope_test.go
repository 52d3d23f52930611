package event

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// oracleScope is ParseScope and Has, one item after the other.
func oracleScope(list, topic string) (has, ok bool) {
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		begin, stars := strings.TrimRight(item, "*"), strings.Count(item, "*")
		name, err := url.PathUnescape(begin)
		if err != nil || !ValidText(name) || stars > 1 || stars == 1 && begin == item {
			return false, false
		}
		has = has || name == topic || stars == 1 && len(topic) >= len(name) && topic[:len(name)] == name
	}
	return has, true
}

// FuzzScope: what is taken, and which topics it has, is what the oracle says; what is written is one word that reads as the same.
func FuzzScope(f *testing.F) {
	for _, list := range []string{
		"orders,payment-*", "a,a*", "a*,a", "a*,a*", "a*,ab,abc*,b", "ab*,a*", "a%2Cb", "a%20b", "a%2A", "a%2A*", "a%25", "a%", "a%2", "%2a*", "*", "**", "a**", "a*b", "",
		",", "a,", ",a", "a,,b", " a , b* ", "a b", "ü*", "%C3*", "a%00", "a+b", "A", "a/b", "a%2Fb", strings.Repeat("x", 513), "a\u00a0b", "a-,a-*,a", "b,a*,c*,aa,cc",
	} {
		for _, topic := range []string{"a", "ab", "a,b", "a b", "a*", "a%", "orders", "payment-", "payment-x", "A"} {
			f.Add(list, topic)
		}
	}
	f.Fuzz(func(t *testing.T, list, topic string) {
		has, ok := oracleScope(list, topic)
		s, err := ParseScope(list)
		if (err == nil) != ok {
			t.Fatalf("%q: %v, want it to be taken: %v", list, err, ok)
		}
		if !ok {
			return
		}
		if s.Has(topic) != has || s.HasEach([]string{topic}) != has {
			t.Errorf("%q has %q: %v, want %v", list, topic, !has, has)
		}
		again, err := ParseScope(s.String())
		if err != nil || !slices.Equal(again.names, s.names) || len(strings.Fields(s.String())) != 1 {
			t.Errorf("%q is written as %q, which is read as %+v, %v", list, s, again, err)
		}
	})
}

// TestScopesThatAreNone are told with what to write instead.
func TestScopesThatAreNone(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"":       "a topic is empty; leave out its comma, or the whole list",
		"a,,b":   "a topic is empty",
		"a,":     "a topic is empty",
		"*":      "* alone would be all topics; leave out the list",
		"a,*":    "* alone",
		"a*b":    `"a*b": a star must be the last character, for all topics that begin so; write a star that is part of a topic as %2A`,
		"a**":    `"a**": a star must be the last`,
		"50%":    `"50%": a percent sign must begin an escape; write a percent sign that is part of a topic as %25`,
		"50%*":   `"50%*": a percent sign`,
		"a%0Ab":  `"a%0Ab": a topic must be UTF-8 of 1 to 512 bytes`,
		"a\xffb": `"a\xffb": a topic must be UTF-8`,
	} {
		if s, err := ParseScope(list); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %s", list, s, err, want)
		}
	}
}

// TestScopeOfAll: whoever names no topic asks for all of them, which only a key without a scope may.
func TestScopeOfAll(t *testing.T) {
	t.Parallel()
	some, err := ParseScope("b*, a,bc")
	if err != nil {
		t.Fatal(err)
	}
	var all *Scope
	for _, c := range []struct {
		topics []string
		some   bool
	}{{nil, false}, {[]string{}, false}, {[]string{"a"}, true}, {[]string{"a", "bc", "b"}, true}, {[]string{"a", "c"}, false}, {[]string{"aa"}, false}, {[]string{"A"}, false}, {[]string{""}, false}} {
		if some.HasEach(c.topics) != c.some || !all.HasEach(c.topics) {
			t.Errorf("%q: %v, %v", c.topics, some.HasEach(c.topics), all.HasEach(c.topics))
		}
	}
	if some.String() != "a,b*" || !all.Has("x") {
		t.Errorf("it is written as %s; %v", some, all.Has("x"))
	}
}

// TestConfine: what lies outside is invalid at the place where it stood, among those that were invalid before; the others keep
// their order.
func TestConfine(t *testing.T) {
	t.Parallel()
	scope, err := ParseScope("in,in-*")
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		"":              "[] []",
		"in":            "[0] []",
		"out":           "[] [0 topic_not_allowed]",
		"in out in-2":   "[0 2] [1 topic_not_allowed]",
		"- out - in -":  "[3] [0 not_object 1 topic_not_allowed 2 not_object 4 not_object]",
		"in - out out":  "[0] [1 not_object 2 topic_not_allowed 3 topic_not_allowed]",
		"out in - in":   "[1 3] [0 topic_not_allowed 2 not_object]",
		"- - in - out":  "[2] [0 not_object 1 not_object 3 not_object 4 topic_not_allowed]",
		"in in- in IN":  "[0 1 2] [3 topic_not_allowed]",
		"out in out in": "[1 3] [0 topic_not_allowed 2 topic_not_allowed]",
	} {
		var list []string
		for i, topic := range strings.Fields(body) {
			event := "null"
			if topic != "-" {
				event = fmt.Sprintf(`{"event_id":"%d","topic":%q,"source":"s","timestamp":"2026-01-01T00:00:00Z","payload":1}`, i, topic)
			}
			list = append(list, event)
		}
		d, err := Decode("["+strings.Join(list, ",")+"]", JSON, DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		d.Confine(nil)
		d.Confine(scope)
		var kept, invalid []string
		for i, e := range d.Events {
			kept = append(kept, e.ID)
			if place := fmt.Sprint(d.Position(i)); place != e.ID {
				t.Errorf("%q: event %s is said to stand at %s", body, e.ID, place)
			}
		}
		for _, inv := range d.Invalid {
			invalid = append(invalid, fmt.Sprint(inv.Index, " ", inv.Errors[0].Code))
			if inv.Errors[0].Code == CodeTopicNotAllowed && (inv.EventID != fmt.Sprint(inv.Index) || inv.Errors[0].Field != "topic" || !strings.Contains(inv.Errors[0].Detail, `this key may publish only "in,in-*"`)) {
				t.Errorf("%q: %+v", body, inv)
			}
		}
		if got := fmt.Sprint(kept, " ", invalid); got != want || d.Total != len(list) || len(d.Events)+len(d.Invalid) != d.Total {
			t.Errorf("%q: %s, want %s", body, got, want)
		}
	}
}

// TestConfinedAreExplainedLikeOthers: in the order of the body, and no more than MaxExplained of all that are invalid.
func TestConfinedAreExplainedLikeOthers(t *testing.T) {
	t.Parallel()
	scope, err := ParseScope("in")
	if err != nil {
		t.Fatal(err)
	}
	outside := `{"event_id":"1","topic":"out","source":"s","timestamp":"2026-01-01T00:00:00Z","payload":1}`
	d, err := Decode("["+strings.Repeat("null,"+outside+",", MaxExplained)+outside+"]", JSON, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	d.Confine(scope)
	if len(d.Invalid) != 2*MaxExplained+1 {
		t.Fatalf("%d are invalid", len(d.Invalid))
	}
	for i, inv := range d.Invalid {
		if inv.Index != i || (inv.Errors != nil) != (i < MaxExplained) {
			t.Errorf("at %d: %+v", i, inv)
		}
	}
}

// TestConfinedWithoutAnExplanationCostLittle: no sentence is made for events behind MaxExplained, whose topics alternate.
func TestConfinedWithoutAnExplanationCostLittle(t *testing.T) {
	// Not parallel: it counts allocations.
	scope, err := ParseScope("in")
	if err != nil {
		t.Fatal(err)
	}
	few, many := confined(scope, MaxExplained), confined(scope, 100*MaxExplained)
	if many > 2*few {
		t.Errorf("%.0f allocations for %d events, %.0f for a hundred times as many", few, MaxExplained, many)
	}
}

// confined is how many allocations it takes to confine that many events outside of a scope.
func confined(scope *Scope, events int) float64 {
	return testing.AllocsPerRun(1, func() {
		d := Decoded{Total: events, Events: make([]Event, events)}
		for i := range d.Events {
			d.Events[i].Topic = [...]string{"out", "outside"}[i%2]
		}
		d.Confine(scope)
	})
}

// BenchmarkConfine is what a scope costs a request of a thousand events: of one topic each, of two that alternate, and without a
// scope. None may allocate.
func BenchmarkConfine(b *testing.B) {
	scope, err := ParseScope("orders,payment-*,refunds,shipping-*")
	if err != nil {
		b.Fatal(err)
	}
	for name, c := range map[string]struct {
		topics []string
		scope  *Scope
	}{"one": {[]string{"payment-processed"}, scope}, "two": {[]string{"payment-processed", "orders"}, scope}, "none": {[]string{"orders"}, nil}} {
		b.Run(name, func(b *testing.B) {
			d := Decoded{Total: 1000, Events: make([]Event, 1000)}
			for i := range d.Events {
				d.Events[i].Topic = strings.Clone(c.topics[i%len(c.topics)])
			}
			b.ReportAllocs()
			for b.Loop() {
				d.Confine(c.scope)
			}
		})
	}
}
