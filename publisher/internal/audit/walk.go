package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
)

// pageSize is the largest the server gives.
const pageSize = 1000

// walk reads the whole feed. The feed is at its end when a page is empty and its cursor stays: on the way a page may
// be empty, too, but then the cursor advances.
func (c *check) walk(ctx context.Context, r Reader, m Meter) error {
	index, cursor := c.index(), ""
	for {
		page, err := r.Feed(ctx, cursor, pageSize)
		if err != nil {
			return fmt.Errorf("walk the feed: %w", err)
		}
		for _, row := range page.Events {
			if i, ours := index[keyOf(row.ID, row.Topic)]; ours {
				c.compare(int(i), row)
			}
		}
		m.Add(len(page.Events))
		if page.Next == cursor {
			if len(page.Events) == 0 {
				return nil
			}
			return errors.New("walk the feed: a page with events did not advance the cursor")
		}
		cursor = page.Next
	}
}

// key is half a SHA-256 over id and topic: 16 bytes for keys of any length, and
// no two alike.
type key [16]byte

func keyOf(id, topic string) key {
	var room [128]byte
	text := append(append(append(room[:0], id...), 0), topic...)
	sum := sha256.Sum256(text)
	return key(sum[:16])
}

// index finds the event of a key, among those that were sent.
func (c *check) index() map[key]int32 {
	index := make(map[key]int32, c.Unique)
	for i := range c.Unique {
		if c.Told.Sent(i) {
			index[keyOf(c.Events.Key(i))] = int32(i)
		}
	}
	return index
}
