package mix

import (
	"fmt"

	"ingot/internal/workload"
)

const (
	topicPrefix = "topic-"

	// MaxTopics keeps all names at one length.
	MaxTopics = 10_000

	// zipfSlots is how many slots the topics share: the rarest of a thousand topics has nine of them.
	zipfSlots = 1 << 16
)

// topics gives events their topics by Zipf: the n-th topic has 1/n as many events as the first. Each slot is as likely as any
// other, and holds the rank of a topic. nil leaves the topics of the events as they are.
type topics []uint16

func newTopics(n int) topics {
	if n == 0 {
		return nil
	}
	sum := 0.0
	for rank := range n {
		sum += 1 / float64(rank+1)
	}
	t := make(topics, zipfSlots)
	slot, reached := 0, 0.0
	for rank := range n {
		reached += 1 / float64(rank+1) / sum
		for ; slot < int(reached*zipfSlots+0.5); slot++ {
			t[slot] = uint16(rank)
		}
	}
	return t
}

// rank is that of the topic of event i: 0 is the most frequent topic.
func (t topics) rank(i int) int { return int(t[workload.Spread(workload.Spread(uint64(i)))>>48]) }

// put writes the topic of event i over the placeholder in dst.
func (t topics) put(dst []byte, i int) {
	if t == nil {
		return
	}
	rank := t.rank(i)
	for at := len(TopicName(0)) - 1; at >= len(topicPrefix); at-- {
		dst[at] = byte('0' + rank%10)
		rank /= 10
	}
}

// TopicName is the name of a topic by its rank.
func TopicName(rank int) string { return fmt.Sprintf("%s%04d", topicPrefix, rank) }
