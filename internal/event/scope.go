package event

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Scope is the topics of a key: some by name, others by how they begin. A nil *Scope has all topics.
type Scope struct {
	// names are sorted, and none is there for topics that another one stands for. So only the last that is not behind a
	// topic can stand for it: whatever lies between a beginning and a topic begins in the same way.
	names []scopeName
	text  string // String, made once: it stands in each refusal
}

type scopeName struct {
	text   string
	begins bool // it stands for all topics that begin so
}

func (n scopeName) has(topic string) bool {
	return n.text == topic || n.begins && strings.HasPrefix(topic, n.text)
}

func (n scopeName) compare(o scopeName) int {
	c := strings.Compare(n.text, o.text)
	switch {
	case c != 0 || n.begins == o.begins:
		return c
	case n.begins:
		return -1 // before the topic of that name, which it stands for
	}
	return 1
}

func (n scopeName) String() string {
	if n.begins {
		return url.PathEscape(n.text) + "*"
	}
	return url.PathEscape(n.text)
}

// ParseScope reads a list of topics, separated by commas. A star at the end of one makes it stand for all topics that begin
// so. A comma, a star or a percent sign that is part of a topic is written as an escape, as in a URL; so may any byte be.
func ParseScope(list string) (*Scope, error) {
	s := &Scope{}
	for item := range strings.SplitSeq(list, ",") {
		name, err := parseScopeName(strings.TrimSpace(item))
		if err != nil {
			return nil, err
		}
		s.names = append(s.names, name)
	}
	slices.SortFunc(s.names, scopeName.compare)
	kept, words := s.names[:0], []string{}
	for _, name := range s.names {
		if n := len(kept); n == 0 || !kept[n-1].has(name.text) {
			kept, words = append(kept, name), append(words, name.String())
		}
	}
	s.names, s.text = kept, strings.Join(words, ",")
	return s, nil
}

func parseScopeName(item string) (scopeName, error) {
	text, begins := strings.CutSuffix(item, "*")
	plain, err := url.PathUnescape(text)
	switch {
	case item == "":
		err = errors.New("a topic is empty; leave out its comma, or the whole list for all topics")
	case item == "*":
		err = errors.New("* alone would be all topics; leave out the list for that")
	case strings.Contains(text, "*"):
		err = fmt.Errorf("%s: a star must be the last character, for all topics that begin so; write a star that is part of a topic as %%2A", quote(item))
	case err != nil:
		err = fmt.Errorf("%s: a percent sign must begin an escape; write a percent sign that is part of a topic as %%25", quote(item))
	case !ValidText(plain):
		err = fmt.Errorf("%s: a topic must be UTF-8 of 1 to %d bytes without control characters", quote(item), MaxTextBytes)
	}
	return scopeName{plain, begins}, err
}

// String is the list as ParseScope reads it, without spaces.
func (s *Scope) String() string { return s.text }

// Has tells whether the scope has a topic.
func (s *Scope) Has(topic string) bool {
	if s == nil {
		return true
	}
	i, found := slices.BinarySearchFunc(s.names, topic, func(n scopeName, topic string) int { return strings.Compare(n.text, topic) })
	return found || i > 0 && s.names[i-1].has(topic)
}

// HasEach tells whether the scope has each of the topics that a query names; none stands for all there are.
func (s *Scope) HasEach(topics []string) bool {
	outside := func(topic string) bool { return !s.Has(topic) }
	return s == nil || len(topics) > 0 && !slices.ContainsFunc(topics, outside)
}
