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

// ledger holds a byte for each unique event. It grows with them: nobody knows how many lines a stream has.
type ledger []mark

// note marks event i with what one send of it was told. A negative i is an event that is not remembered.
func (l *ledger) note(i int, s client.Status) {
	if i < 0 {
		return
	}
	if i >= len(*l) {
		*l = append(*l, make(ledger, i+1-len(*l))...)
	}
	have := &(*l)[i]
	*have |= sent
	if s == client.Stored || s == client.Duplicate {
		*have |= acked
	}
	if s != client.Stored {
		return
	}
	if *have&toldNew != 0 {
		*have |= toldNewMore
	}
	*have |= toldNew
}

func (l ledger) count(m mark) (n int) {
	for _, have := range l {
		if have&m != 0 {
			n++
		}
	}
	return n
}
