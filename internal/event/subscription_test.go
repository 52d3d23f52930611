package event

import (
	"strings"
	"testing"
)

// TestSubscriptionNames stand in a path as they are.
func TestSubscriptionNames(t *testing.T) {
	t.Parallel()
	for name, valid := range map[string]bool{
		"a": true, "az09._-": true, "...": true, strings.Repeat("a", 64): true,
		"": false, ".": false, "..": false, strings.Repeat("a", 65): false,
		"A": false, "a/b": false, "a:b": false, "a`": false, "a{": false, "a b": false, "ä": false, "a%": false,
	} {
		if ValidSubscriptionName(name) != valid {
			t.Errorf("%q: want %v", name, valid)
		}
	}
}

// TestSame: whoever asks for what is there already gets it, and whoever asks for something else does not.
func TestSame(t *testing.T) {
	t.Parallel()
	kept := Subscription{Name: "a", After: "now", Topics: []string{"t", "u"}, Source: "s", At: Position{1, 2, 3}}
	for _, c := range []struct {
		asked Subscription
		same  bool
	}{
		{Subscription{After: "now", Topics: []string{"t", "u"}, Source: "s"}, true},
		{Subscription{After: "beginning", Topics: []string{"t", "u"}, Source: "s"}, false},
		{Subscription{After: "now", Topics: []string{"t"}, Source: "s"}, false},
		{Subscription{After: "now", Topics: []string{"t", "u"}}, false},
	} {
		if kept.Same(&c.asked) != c.same {
			t.Errorf("%+v: want %v", c.asked, c.same)
		}
	}
}
