package traffic

import (
	"testing"

	"ingot/torture/internal/oracle"
)

// TestAPlanHasSomeOfEach, without which a storm would be weaker than it seems.
func TestAPlanHasSomeOfEach(t *testing.T) {
	t.Parallel()
	order := map[oracle.Key]int{} // of first use
	topicsOf := map[string]string{}
	old := map[oracle.Key]bool{}
	seen := map[string]int{}
	for i, r := range Plan(1, 10_000) {
		if r.Number != i {
			t.Fatalf("request %d is number %d", i, r.Number)
		}
		if r.Form != Single && len(r.Events) < 2 {
			t.Fatalf("a list of %d events", len(r.Events))
		}
		if len(r.Events) >= 100 {
			seen["lists that fill a batch"]++
		}
		if r.Spoil != Unspoilt {
			continue
		}
		own := map[oracle.Key]bool{}
		for _, e := range r.Events {
			if e.Bad != Good {
				if e.Bad == BadRaw {
					t.Error("an event whose bytes nobody has written")
				}
				if _, known := order[e.Key]; known {
					t.Errorf("%v is bad here and good elsewhere", e.Key)
				}
				order[e.Key] = len(order)
				continue
			}
			first, known := order[e.Key]
			switch {
			case own[e.Key]:
				seen["copies within a request"]++
			case known && len(order)-first > 2*recent:
				old[e.Key] = true
			case known:
				seen["recent keys"]++
			default:
				order[e.Key] = len(order)
				seen["new keys"]++
				if topic, other := topicsOf[e.Key.ID]; other && topic != e.Key.Topic {
					seen["ids with another topic"]++
				}
				topicsOf[e.Key.ID] = e.Key.Topic
				if e.Key.ID[0] > 0x7f {
					seen["ids that are not ASCII"]++
				}
			}
			own[e.Key] = true
			if e.Filler >= 2_000 {
				seen["large payloads"]++
			}
		}
	}
	seen["old keys, each counted once"] = len(old)
	t.Log(seen)
	for what, least := range map[string]int{
		"lists that fill a batch": 10, "copies within a request": 5000, "recent keys": 10_000, "old keys, each counted once": 2000,
		"new keys": 30_000, "ids with another topic": 1000, "ids that are not ASCII": 1000, "large payloads": 100,
	} {
		if seen[what] < least {
			t.Errorf("%s: %d, want %d at least", what, seen[what], least)
		}
	}
}

// TestFresh: keys that no other request has, to be sent until they are settled.
func TestFresh(t *testing.T) {
	t.Parallel()
	keys := map[oracle.Key]bool{}
	for seed := range uint64(3) {
		for number := range 3 {
			r := Fresh(seed, number, 3)
			if r.Number != number || !r.Patient || !r.All {
				t.Errorf("%+v", r)
			}
			for _, e := range r.Events {
				keys[e.Key] = true
			}
		}
	}
	if len(keys) != 3*3*3 {
		t.Errorf("%d keys", len(keys))
	}
}
