package workload

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"ingot/internal/event"
)

// epoch is when the invented shop opened. It is fixed: a timestamp taken from
// the clock would make every run different.
const epoch = 1_735_689_600 // 2025-01-01T00:00:00Z, in Unix seconds

// Generator makes the events of one seed. The zero value is seed 0.
type Generator struct{ seed uint64 }

// New returns the generator of a seed.
func New(seed uint64) Generator { return Generator{seed} }

// Event makes event i: the same bytes for the same seed and i, always.
func (g Generator) Event(i int) event.Event {
	d := newDraw(g.seed, uint64(i))
	id := d.uuid()
	from := &services[d.n(len(services))]
	topic := pick(&d, from.topics)
	return event.Event{
		ID:        id.String(),
		Topic:     topic,
		Source:    from.name,
		Timestamp: d.timestamp(i),
		Payload:   string(from.payload(make([]byte, 0, 320), &d, topic)),
	}
}

// uuid draws what looks like a random (version 4) UUID.
func (d *draw) uuid() (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], d.token())
	binary.BigEndian.PutUint64(id[8:], d.token())
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// timestamp places event i about 40 ms after event i-1, to the microsecond. The
// clock of the shop starts anew after ten years, well before year 2200.
func (d *draw) timestamp(i int) time.Time {
	const tenYears = 10 * 365 * 24 * 3600 * 1_000_000
	micros := (int64(i)*40_000 + int64(d.n(40_000))) % tenYears
	return time.Unix(epoch, micros*1000).UTC()
}
