package dedup

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"ingot/internal/event"
)

var small = Config{Capacity: 10_000, Generations: 4, FalsePositive: 0.01}

func key(i int) *event.Event {
	return &event.Event{ID: fmt.Sprintf("%08x-0000-4000-8000-%012x", i*2654435761, i), Topic: fmt.Sprintf("topic-%d", i%10)}
}

// has tells whether the filter suspects a key, and leaves the key where it is.
func (f *Filter) has(e *event.Event) bool {
	f.locate(e)
	return slices.ContainsFunc(f.generations[:f.used], f.isIn)
}

// TestNeverForgetsTheRecent: keys of the last generations are always suspected.
func TestNeverForgetsTheRecent(t *testing.T) {
	t.Parallel()
	f := New(small)
	kept := int(small.Capacity) * (small.Generations - 1)
	for i := range 10 * int(small.Capacity) {
		f.Add(key(i))
		if old := i - kept + 1; old >= 0 && i%7 == 0 && !f.has(key(old)) {
			t.Fatalf("after %d keys the one %d back is forgotten", i+1, kept-1)
		}
	}
}

// TestMetAgainStays: a key that is asked about once in a while is never forgotten, though it is not added again. It is
// in the newest generation then, also where its hash was kept.
func TestMetAgainStays(t *testing.T) {
	t.Parallel()
	f := New(small)
	f.Add(key(0))
	for i := 1; i <= 10*int(small.Capacity); i++ {
		f.Add(key(i))
		if i%int(small.Capacity) != 0 {
			continue
		}
		if !f.Suspect(key(0)) {
			t.Fatalf("forgotten after %d other keys", i)
		}
		if f.locate(key(0)); !f.isIn(f.generations[newest]) {
			t.Fatalf("not in the newest generation after %d other keys", i)
		}
	}
	others := 0
	for i := 1; i <= 1000; i++ {
		if f.has(key(i)) {
			others++
		}
	}
	if others > 100 {
		t.Errorf("%d of the 1000 keys behind it, which nobody has asked about, are still there", others)
	}
}

// TestOneLookTellsARepeat: a key that came, or was asked about, is suspected for its hash alone.
func TestOneLookTellsARepeat(t *testing.T) {
	t.Parallel()
	f := New(small)
	for what, meet := range map[string]func(){
		"came":                       func() { f.Add(key(0)) },
		"was asked about":            func() { f.Add(key(0)); clear(f.recent[:]); f.Suspect(key(0)) },
		"was asked about much later": func() { f.Add(key(0)); f.rotate(); f.Suspect(key(0)) },
	} {
		meet()
		for _, g := range f.generations {
			g.ClearAll()
		}
		if !f.Suspect(key(0)) {
			t.Errorf("a key that %s is not suspected for its hash", what)
		}
		if f.Suspect(key(1)) {
			t.Error("another key is suspected")
		}
		f.rotate()
	}
}

// TestAGenerationIsFull when it has as many different keys as it holds, and not by the same ones again.
func TestAGenerationIsFull(t *testing.T) {
	t.Parallel()
	f := New(small)
	i := 0
	for ; f.Stats().Keys < int64(small.Capacity) && i < 2*int(small.Capacity); i++ {
		f.Add(key(i))
		f.Add(key(i))
		f.Suspect(key(i))
	}
	if s := f.Stats(); s.Rotations != 0 || s.Keys != int64(small.Capacity) || s.Fill != 1 || s.Bytes != small.Bytes() || i < int(small.Capacity) {
		t.Errorf("%d keys in: %+v", i, s)
	}
	for ; f.Stats().Keys == int64(small.Capacity) && i < 3*int(small.Capacity); i++ {
		f.Add(key(i))
	}
	if s := f.Stats(); s.Rotations != 1 || s.Fill != 1/float64(small.Capacity) {
		t.Errorf("one key more: %+v", s)
	}
	for ; f.Stats().Rotations == 1 && i < 4*int(small.Capacity); i++ {
		f.Add(key(i))
	}
	if s := f.Stats(); s.Keys != 2*int64(small.Capacity)+1 {
		t.Errorf("the next is full: %+v", s)
	}
}

// TestSaturation: ten times the capacity of a generation goes in; the
// false-positive rate stays under twice the configured one, and memory is what was said.
func TestSaturation(t *testing.T) {
	t.Parallel()
	f := New(small)
	n := 10 * int(small.Capacity)
	for i := range n {
		f.Add(key(i))
	}
	const probes = 200_000
	wrong := 0
	for i := range probes {
		if f.has(key(n + i)) {
			wrong++
		}
	}
	rate := float64(wrong) / probes
	t.Logf("false positives %.4f, configured %.4f; %d bytes", rate, small.FalsePositive, small.Bytes())
	if rate > 2*small.FalsePositive {
		t.Errorf("false-positive rate %.4f is over twice %.4f", rate, small.FalsePositive)
	}
	words := len(f.recent)
	for _, g := range f.generations {
		words += len(g.BitSet().Words())
	}
	if int64(words)*8 != small.Bytes() || len(f.generations) != small.Generations {
		t.Errorf("%d words in %d generations, want %d bytes", words, len(f.generations), small.Bytes())
	}
	if s := f.Stats(); s.Rotations != 9 || s.Fill < 0.97 || s.Fill > 1 {
		t.Errorf("%+v", s)
	}
}

// TestKeysAreApart: id and topic are two texts, not one.
func TestKeysAreApart(t *testing.T) {
	t.Parallel()
	f := New(small)
	f.Add(&event.Event{ID: "ab", Topic: "c"})
	for _, e := range []event.Event{{ID: "a", Topic: "bc"}, {ID: "c", Topic: "ab"}, {ID: "abc"}, {Topic: "abc"}, {ID: "ab"}, {ID: "ab", Topic: "d"}} {
		if f.Suspect(&e) {
			t.Errorf("%q %q is suspected", e.ID, e.Topic)
		}
	}
}

// TestSeeded: two processes guess wrong about different keys.
func TestSeeded(t *testing.T) {
	t.Parallel()
	a, b := New(small), New(small)
	for i := range 50_000 {
		a.Add(key(i))
		b.Add(key(i))
	}
	both, one := 0, 0
	for i := range 100_000 {
		switch x, y := a.Suspect(key(1e6+i)), b.Suspect(key(1e6+i)); {
		case x && y:
			both++
		case x || y:
			one++
		}
	}
	if one < 100 || both > one/5 {
		t.Errorf("wrong together %d times, alone %d times", both, one)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"on", "off", "always-yes", "always-no", "corrupted"} {
		g, err := Parse(name, small)
		if err != nil || (g == nil) != (name == "off") {
			t.Errorf("%s: %v %v", name, g, err)
		}
		if yes, no := guesses(g); yes != (name == "always-yes" || name == "corrupted") || no != (name != "always-yes" && name != "off") {
			t.Errorf("%s: it suspects some of a thousand new keys: %v, and others not: %v", name, yes, no)
		}
	}
	for _, good := range []Config{{1000, 2, 0.999}, {1000, 64, 1e-9}, {5e9, 4, 0.01}} {
		if err := good.Check(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for _, bad := range []Config{{999, 4, 0.01}, {1e6, 1, 0.01}, {1e6, 65, 0.01}, {1e6, 4, 0}, {1e6, 4, 1}, {1e6, 4, math.NaN()}, {99_999_999_999, 4, 0.01}, {math.MaxUint, 4, 0.01}} {
		if _, err := Parse("on", bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	if _, err := Parse("maybe", small); err == nil {
		t.Error("maybe was taken")
	}
}

// guesses asks about a thousand keys, and tells whether some are suspected, and whether some are not.
func guesses(g Guesser) (yes, no bool) {
	for i := range 1000 {
		if g == nil {
			break
		}
		suspected := g.Suspect(key(i))
		yes, no = yes || suspected, no || !suspected
	}
	return yes, no
}

func BenchmarkSuspect(b *testing.B) {
	for _, name := range []string{"hit", "miss"} {
		b.Run(name, func(b *testing.B) {
			f := New(Config{Capacity: 1 << 22, Generations: 4, FalsePositive: 0.0001})
			for i := range 1 << 20 {
				f.Add(key(i))
			}
			keys := make([]*event.Event, 1<<16)
			for i := range keys {
				keys[i] = key(i * 16)
				if name == "miss" {
					keys[i] = key(1<<30 + i)
				}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				f.Suspect(keys[i&(1<<16-1)])
				i++
			}
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	f := New(Config{Capacity: 1 << 22, Generations: 4, FalsePositive: 0.0001})
	keys := make([]*event.Event, 1<<20)
	for i := range keys {
		keys[i] = key(i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		f.Add(keys[i&(1<<20-1)])
		i++
	}
}
