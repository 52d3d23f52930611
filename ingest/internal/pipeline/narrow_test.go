package pipeline

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

// TestUnexplainedHurtsOnlyItsRequest: an error that nobody can explain comes with one or some of many requests. The others are
// stored at once, these at the moment it comes no more, or never.
func TestUnexplainedHurtsOnlyItsRequest(t *testing.T) {
	t.Parallel()
	for name, cursed := range map[string][]int{
		"the first": {0}, "the last": {59}, "one": {17}, "neighbours": {30, 31}, "both halves": {10, 50},
		"many": {1, 8, 9, 20, 33, 34, 35, 47, 58}, "all but one": without(60, 23),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := testConfig()
			config.BatchEvents = 64
			inBubble(t, config, func(t *testing.T, p running) {
				var ids []string
				for _, i := range cursed {
					ids = append(ids, fmt.Sprint(i))
				}
				p.fake.Curse(time.Millisecond, ids...)
				p.fake.Next(storetest.Step{After: time.Second})
				before := p.submit(10, "before")
				outcomes := map[string]chan outcome{}
				for i := range 60 {
					outcomes[fmt.Sprint(i)] = p.submit(10, fmt.Sprint(i))
				}
				wantStored(t, <-before, true)
				guilty := map[string]chan outcome{}
				for _, id := range ids {
					guilty[id] = outcomes[id]
					delete(outcomes, id)
				}
				for id, others := range outcomes {
					got := <-others
					wantStored(t, got, true)
					if got.after > 4*time.Second {
						t.Errorf("%s was held up for %s", id, got.after)
					}
				}
				time.Sleep(2 * time.Second)
				if beside := <-p.submit(10, "beside"); beside.after > 2*time.Millisecond {
					t.Errorf("one that comes later was held up for %s", beside.after)
				}
				wantNotStored(t, <-guilty[ids[0]], event.ReasonExpired)
				for _, id := range ids[1:] {
					wantNotStored(t, <-guilty[id], event.ReasonExpired)
				}
				time.Sleep(2 * time.Second)
				if s := p.Stats(); s.QueuedEvents != 0 || s.QueuedBytes != 0 || s.Unexplained != int64(len(ids)) || s.Expired != int64(len(ids)) || s.Refused != 0 || s.FailedBatches != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// without returns the numbers below n but for one.
func without(n, one int) (numbers []int) {
	for i := range n {
		if i != one {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// TestUnexplainedAmongMany: most of a large batch is cursed, and only so many batches may be halved at once in a second. The others
// are found all the same.
func TestUnexplainedAmongMany(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.QueueEvents, config.BatchEvents, config.BatchBytes, config.SplitsPerSecond = 1000, 1000, 10_000, 50
	inBubble(t, config, func(t *testing.T, p running) {
		random := rand.New(rand.NewPCG(1, 1))
		var cursed []string
		var good []chan outcome
		p.fake.Next(storetest.Step{After: time.Second})
		first := p.submit(10, "first")
		for i := range 300 {
			one := p.submit(10, fmt.Sprint(i))
			if random.IntN(10) > 0 {
				cursed = append(cursed, fmt.Sprint(i))
			} else {
				good = append(good, one)
			}
		}
		p.fake.Curse(time.Millisecond, cursed...)
		wantStored(t, <-first, true)
		for _, one := range good {
			if got := <-one; got.err != nil || got.after > 4*time.Second {
				t.Errorf("after %s: %v", got.after, got.err)
			}
		}
		if calls := p.fake.Calls(); calls > 500 {
			t.Errorf("%d attempts", calls)
		}
	})
}

// TestUnexplainedNoMore: what was guilty is stored as soon as it can be.
func TestUnexplainedNoMore(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Curse(0, "cursed")
		p.fake.Next(storetest.Step{After: time.Second})
		first, cursed, beside := p.submit(10, "first"), p.submit(10, "cursed"), p.submit(10, "beside")
		wantStored(t, <-first, true)
		wantStored(t, <-beside, true)
		time.Sleep(time.Second)
		p.fake.Curse(0)
		wantStored(t, <-cursed, true)
		synctest.Wait() // what was answered counts until its committer is done with it
		if s := p.Stats(); s.QueuedEvents != 0 || s.Unexplained != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestUnexplainedAlone is an outage as far as anybody knows. But whoever comes is let in and tried, also after the grace of an
// outage.
func TestUnexplainedAlone(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.OutageGrace, config.Deadline = 2*time.Second, 20*time.Second
	for _, ids := range [][]string{{"a"}, {"a", "b", "c", "d", "e"}} {
		t.Run(fmt.Sprint(len(ids)), func(t *testing.T) {
			t.Parallel()
			inBubble(t, config, func(t *testing.T, p running) {
				p.fake.Curse(time.Millisecond, ids...)
				p.fake.Next(storetest.Step{After: 100 * time.Millisecond})
				first := p.submit(10, "first")
				var cursed []chan outcome
				for _, id := range ids {
					cursed = append(cursed, p.submit(10, id))
				}
				wantStored(t, <-first, true)
				time.Sleep(10 * time.Second)
				if s := p.Stats(); s.FailedAttempts < 5 || s.FailedAttempts > 80 || s.Unexplained != 0 {
					t.Errorf("%+v", s)
				}
				beside := <-p.submit(10, "beside")
				wantStored(t, beside, true)
				if beside.after > 1100*time.Millisecond {
					t.Errorf("held up for %s", beside.after)
				}
				time.Sleep(time.Second) // the side lane has tried them
				if s := p.Stats(); s.Unexplained != int64(len(ids)) {
					t.Errorf("%+v", s)
				}
				if again := <-p.submit(10, "again"); again.after > 2*time.Millisecond {
					t.Errorf("held up for %s", again.after)
				}
				for _, c := range cursed {
					wantNotStored(t, <-c, event.ReasonExpired)
				}
			})
		})
	}
}

// TestUnexplainedParcels: many requests are cursed, in several parcels, and one is not. It is found though no other one comes, each
// parcel is tried again and again, and a parcel of two or three yields after its first attempt.
func TestUnexplainedParcels(t *testing.T) {
	t.Parallel()
	for _, size := range []int{2, 3, 5, 8} {
		for good := range size {
			t.Run(fmt.Sprint(good, " of ", size), func(t *testing.T) {
				t.Parallel()
				config := testConfig()
				config.BatchEvents, config.OutageGrace = size, 2*time.Second
				inBubble(t, config, func(t *testing.T, p running) {
					p.fake.Next(storetest.Step{Before: time.Second, Fail: unavailable().Fail})
					cursed := []string{"alone", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o"}[:2*size]
					p.fake.Curse(time.Millisecond, cursed...)
					p.submit(10, cursed[0])
					for _, id := range cursed[1 : 1+good] {
						p.submit(10, id)
					}
					one := p.submit(10, "good")
					for _, id := range cursed[1+good:] {
						p.submit(10, id)
					}
					if got := <-one; got.err != nil || got.after > 6*time.Second {
						t.Errorf("after %s: %v", got.after, got.err)
					}
					time.Sleep(10 * time.Second)
					if s := p.Stats(); s.FailedAttempts > 100 {
						t.Errorf("%+v", s)
					}
				})
			})
		}
	}
}

// TestUnexplainedOutage: where every attempt fails it is an outage. Requests are refused at once then, but for one now and then,
// and all goes on once it is over.
func TestUnexplainedOutage(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.OutageGrace, config.Deadline, config.BatchEvents = 2*time.Second, 20*time.Second, 64
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Curse(time.Millisecond, storetest.All)
		var early []chan outcome
		for i := range 60 {
			early = append(early, p.submit(10, fmt.Sprint("early ", i)))
		}
		time.Sleep(3 * time.Second)
		var late []chan outcome
		refused := 0
		for i := range 1000 {
			one := p.submit(10, fmt.Sprint("late ", i))
			time.Sleep(10 * time.Millisecond)
			select {
			case got := <-one:
				wantNotStored(t, got, event.ReasonUnavailable)
				refused++
			default:
				late = append(late, one)
			}
		}
		if refused < 800 {
			t.Errorf("%d of 1000 requests refused at once in an outage", refused)
		}
		if s := p.Stats(); s.Unexplained != 0 || s.Splits != 0 || s.FailedAttempts > 400 {
			t.Errorf("%+v", s)
		}
		p.fake.Curse(0)
		for _, one := range append(early, late...) {
			wantStored(t, <-one, true)
		}
		wantStored(t, <-p.submit(10, "after"), true)
	})
}

// TestUnexplainedBeforeAnOutage: who was found guilty before it has nobody believe that the store works.
func TestUnexplainedBeforeAnOutage(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.OutageGrace = 2 * time.Second
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Curse(time.Millisecond, "a", "b")
		p.fake.Next(storetest.Step{After: time.Second})
		first, a, b, beside := p.submit(10, "first"), p.submit(10, "a"), p.submit(10, "b"), p.submit(10, "beside")
		wantStored(t, <-first, true)
		wantStored(t, <-beside, true)
		time.Sleep(time.Second)
		p.fake.Curse(time.Millisecond, storetest.All)
		waiting := []chan outcome{a, b}
		for i := range 12 { // there is time for the side lane between two of them
			waiting = append(waiting, p.submit(10, fmt.Sprint(i)))
			time.Sleep(300 * time.Millisecond)
		}
		refused := 0
		for _, one := range waiting {
			if got := <-one; got.after == 0 {
				wantNotStored(t, got, event.ReasonUnavailable)
				refused++
			}
		}
		if refused == 0 {
			t.Error("nobody was refused at once 2 s after the last was stored")
		}
	})
}

// TestUnexplainedOutageOver: who still has time when an outage is over is stored soon, though nobody else comes. The pauses of
// an outage, and its attempts, take nothing from anybody that the side lane would have to make up for.
func TestUnexplainedOutageOver(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.OutageGrace = 2 * time.Second
	for _, took := range []time.Duration{time.Millisecond, 500 * time.Millisecond} {
		for _, outage := range []time.Duration{3 * time.Second, 5 * time.Second, 7 * time.Second} {
			t.Run(fmt.Sprint(took, outage), func(t *testing.T) {
				t.Parallel()
				inBubble(t, config, func(t *testing.T, p running) {
					p.fake.Curse(took, storetest.All)
					var all []chan outcome
					for i := range 10 {
						all = append(all, p.submit(10, fmt.Sprint(i)))
					}
					var late []chan outcome // they may be refused
					for range 4 {
						time.Sleep(outage / 5)
						late = append(late, p.submit(10, "late"))
					}
					time.Sleep(outage / 5)
					p.fake.Curse(0)
					over := time.Now()
					for _, one := range all {
						wantStored(t, <-one, true)
					}
					for _, one := range late {
						<-one
					}
					if after := time.Since(over); after > 2*time.Second+took {
						t.Errorf("stored only %s after the outage", after)
					}
				})
			})
		}
	}
}

// TestUnexplainedTakesLong: the side lane takes a sixth of the time at most, however long each try takes.
func TestUnexplainedTakesLong(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Deadline = time.Minute
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Curse(time.Second, "cursed")
		p.fake.Next(storetest.Step{After: time.Second})
		first, cursed, beside := p.submit(10, "first"), p.submit(10, "cursed"), p.submit(10, "beside")
		wantStored(t, <-first, true)
		wantStored(t, <-beside, true)
		held := 0
		for i := range 3000 {
			if one := <-p.submit(10, fmt.Sprint(i)); one.after > 0 {
				held++
			}
			time.Sleep(10 * time.Millisecond)
		}
		if held < 4 || held > 7 {
			t.Errorf("%d of 3000 waited for a try of 1 s", held)
		}
		wantNotStored(t, <-cursed, event.ReasonExpired)
	})
}

// TestHalvesComeBeforeTheGuilty: many requests wait in the side lane by themselves, and halves of a batch do not wait for
// a turn of each.
func TestHalvesComeBeforeTheGuilty(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Deadline, config.BatchEvents, config.SplitsPerSecond = 40*time.Second, 64, 1
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Hold("held")
		for i := range 40 {
			p.submit(10, fmt.Sprint("waits ", i), "held")
			time.Sleep(500 * time.Millisecond) // it is tried, alone
		}
		p.fake.Next(storetest.Step{After: time.Second})
		first := p.submit(10, "first")
		poisoned := storetest.Event("poisoned")
		poisoned.Source = storetest.Poison
		good := []chan outcome{p.submit(10, "good")}
		bad := p.submitGroup(10, storetest.Group(poisoned))
		for i := range 14 {
			good = append(good, p.submit(10, fmt.Sprint(i)))
		}
		wantStored(t, <-first, true)
		for _, one := range good {
			got := <-one
			wantStored(t, got, true)
			if got.after > 4*time.Second {
				t.Errorf("stored after %s", got.after)
			}
		}
		if got := <-bad; got.err == nil {
			t.Error("stored, though it cannot be")
		}
	})
}

// TestUnexplainedDrain: the stop stores what can be stored, and goes on with the rest for as long as it may.
func TestUnexplainedDrain(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Deadline, config.DrainTimeout = time.Hour, 5*time.Second
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Curse(time.Millisecond, "a", "b", "c")
		p.fake.Next(storetest.Step{After: time.Second})
		first := p.submit(10, "first")
		a, b, c, good := p.submit(10, "a"), p.submit(10, "b"), p.submit(10, "c"), p.submit(10, "good")
		start := time.Now()
		p.stop()
		left := <-p.left
		if took := time.Since(start); left != (Left{Refused: 3}) || took < 5*time.Second || took > 6*time.Second {
			t.Errorf("left over after %s: %+v, want 3 refused after 5 s", took, left)
		}
		wantStored(t, <-first, true)
		wantStored(t, <-good, true)
		for _, one := range []chan outcome{a, b, c} {
			wantNotStored(t, <-one, event.ReasonDraining)
		}
		p.left <- left
	})
}

// TestUnexplainedAmongAll: some requests are cursed, hold a key that is held, or bad data, and the store fails now and then. Nobody
// else waits for longer than it takes to find out.
func TestUnexplainedAmongAll(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			config := testConfig()
			config.QueueEvents, config.BatchEvents, config.SplitsPerSecond = 10_000, 64, 1000 // it has tests of its own
			inBubble(t, config, func(t *testing.T, p running) {
				cursed := []string{"c0", "c1", "c2"}
				p.fake.Curse(time.Duration(random.IntN(3))*time.Millisecond, cursed...)
				p.fake.Hold("held")
				var good, bad []chan outcome
				for i := range 400 {
					switch id := fmt.Sprint(i); random.IntN(30) {
					case 0:
						bad = append(bad, p.submit(10, id, cursed[random.IntN(3)]))
					case 1:
						bad = append(bad, p.submit(10, "held", id))
					case 2:
						poisoned := storetest.Event(id)
						poisoned.Source = storetest.Poison
						bad = append(bad, p.submitGroup(10, storetest.Group(poisoned)))
					case 3:
						p.fake.Next(storetest.Step{Before: time.Duration(random.IntN(20)) * time.Millisecond, Ahead: true}, unavailable())
						fallthrough
					default:
						good = append(good, p.submit(10, id))
					}
					if random.IntN(8) == 0 {
						time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
					}
				}
				for i, one := range good {
					if got := <-one; got.err != nil {
						t.Fatalf("good request %d after %s: %v", i, got.after, got.err)
					}
				}
				for _, one := range bad {
					if got := <-one; got.err == nil {
						t.Error("stored, though it cannot be")
					}
				}
				time.Sleep(2 * time.Second) // the committer sees that its batch has left
				if s := p.Stats(); s.QueuedEvents != 0 || s.QueuedBytes != 0 || s.Refused != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestUnexplainedMakesRoom: what has failed alone goes behind what is queued, also where an attempt takes longer than the side
// lane rests.
func TestUnexplainedMakesRoom(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		const attempt = 4 * sidePause
		p.fake.Curse(attempt, "cursed")
		cursed := p.submit(10, "cursed")
		beside := <-p.submit(10, "beside")
		wantStored(t, beside, true)
		if most := attempt + p.config.RetryBase; beside.after > most {
			t.Errorf("held up for %s, want at most the attempt under way and a pause: %s", beside.after, most)
		}
		p.fake.Curse(0)
		wantStored(t, <-cursed, true)
	})
}

// TestBlameIsForgotten with the request: the pool gives the next one a clean record.
func TestBlameIsForgotten(t *testing.T) {
	t.Parallel()
	p := New(testConfig(), storetest.NewFake(), nil, zap.NewNop())
	for range 100 { // the pool may drop some
		p.requests.Put(&request{slot: make(chan answer, 1), blame: blame{failed: true, guilty: true, convicted: true}})
		if r := p.newRequest(storetest.Group(), 0); r.blame != (blame{}) {
			t.Fatalf("a new request has %+v", r.blame)
		}
	}
}
