package reads

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// ofTopic are the numbers of those of the first events that are of a topic, at most limit of them.
func (r *run) ofTopic(topic string, limit int) (numbers []int) {
	for i := 0; i < r.Rows && len(numbers) < limit; i++ {
		if r.Encoder.Topic(i) == topic {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// same tells whether an event came back as it was sent.
func (r *run) same(got event, i int) error {
	var want event
	if err := json.Unmarshal(r.Encoder.AppendEvent(nil, i), &want); err != nil {
		return err
	}
	if got.ID != want.ID || got.Topic != want.Topic || got.Source != want.Source || !bytes.Equal(got.Payload, want.Payload) {
		return fmt.Errorf("(%s, %s) where event %d should be, (%s, %s), or with a different payload", got.ID, got.Topic, i, want.ID, want.Topic)
	}
	return nil
}

// startsWith checks that the events of a page are those with the first of these numbers. A page may be short, but never empty.
// Behind the last number events of later writers follow.
func (r *run) startsWith(got []event, want []int) error {
	if len(got) == 0 {
		return fmt.Errorf("no events, want %d", len(want))
	}
	for n := range min(len(got), len(want)) {
		if err := r.same(got[n], want[n]); err != nil {
			return fmt.Errorf("event %d of the page is %w", n, err)
		}
	}
	return nil
}

// from finds the number of the event that a page from position p begins with, by its id. It lies behind p.after, and is
// p.before at the latest: of that event it is known that it does not stand before the position.
func (r *run) from(p position, id string) (int, error) {
	for i := p.after + 1; i <= p.before; i++ {
		if got, _ := r.Encoder.Key(i); got == id {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%s is not between event %d and event %d", id, p.after, p.before)
}

// distinct checks that all events are of one topic ("": of any) and that no key is there twice.
func distinct(events []event, topic string) error {
	seen := map[string]bool{}
	for _, e := range events {
		if topic != "" && e.Topic != topic {
			return fmt.Errorf("an event of topic %s, want %s", e.Topic, topic)
		}
		key := e.ID + "\x00" + e.Topic
		if seen[key] {
			return fmt.Errorf("(%s, %s) came twice", e.ID, e.Topic)
		}
		seen[key] = true
	}
	return nil
}
