package httpapi

import (
	"errors"
	"io"
	"iter"
	"testing"
)

// TestLargeBodiesGetThrough: clients whose bodies together are more than there is room for, and which begin again when they
// are refused, do not refuse each other for ever. They send a piece each in turn.
func TestLargeBodiesGetThrough(t *testing.T) {
	t.Parallel()
	const clients, pieces, largest = 20, 64, 2 * partGrowth * firstPart
	for name, length := range map[string]func(client int) int{
		"of one length":   func(int) int { return largest },
		"of many lengths": func(client int) int { return largest - client*firstPart/3 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &budget{max: 2 * largest}
			left := map[int]func() (struct{}, bool){}
			for client := range clients {
				send, stop := iter.Pull(sending(length(client), largest/pieces, b))
				defer stop()
				left[client] = send
			}
			rounds := 0
			for ; len(left) > 0 && rounds < 2*clients*pieces; rounds++ {
				for client := range clients {
					if send := left[client]; send != nil {
						if _, more := send(); !more {
							delete(left, client)
						}
					}
				}
			}
			if len(left) > 0 || b.used.Load() > 0 {
				t.Errorf("%d of %d bodies did not get through in %d rounds; %d bytes are taken", len(left), clients, rounds, b.used.Load())
			}
		})
	}
}

// sending is a client that sends a body, piece by piece, until it has been read whole.
func sending(length, piece int, b *budget) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		body := reading(func(into []byte) (int, error) {
			if !yield(struct{}{}) {
				return 0, io.ErrClosedPipe
			}
			return min(len(into), piece), nil
		})
		for {
			a := &account{budget: b}
			_, _, err := readParts(body, length, a)
			a.close()
			if err == nil || errors.Is(err, io.ErrClosedPipe) || !yield(struct{}{}) {
				return
			}
		}
	}
}

type reading func(into []byte) (int, error)

func (r reading) Read(into []byte) (int, error) { return r(into) }
