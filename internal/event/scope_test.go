package event

import (
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
