package tally

import "ingot/publisher/internal/client"

// mark is what the run knows of one unique event, over all of its sends.
type mark uint8

const (
	sent        mark = 1 << iota // some send of it is done
	acked                        // some send was answered stored or duplicate
	toldNew                      // one send was answered stored
	toldNewMore                  // more than one was: the server broke its promise
)

// ledger holds a byte per unique event.
type ledger []mark

func (l ledger) note(i int, s client.Status) {
	l[i] |= sent
	if s == client.Stored || s == client.Duplicate {
		l[i] |= acked
	}
	if s != client.Stored {
		return
	}
	if l[i]&toldNew != 0 {
		l[i] |= toldNewMore
	}
	l[i] |= toldNew
}

func (l ledger) count(m mark) (n int) {
	for _, have := range l {
		if have&m != 0 {
			n++
		}
	}
	return n
}
