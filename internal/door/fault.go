package door

import "sync"

// Faults are the faults that wait for their moment. An F says what happens, and when.
type Faults[F any] struct {
	mu    sync.Mutex
	armed []*waiting[F]
}

type waiting[F any] struct {
	fault F
	left  int
	armed *Armed
}

// Armed tells what became of a fault.
type Armed struct {
	mu    sync.Mutex
	count int
	done  chan struct{}
}

// Fired tells whether the fault has struck at least once.
func (a *Armed) Fired() bool { return a.Count() > 0 }

// Count is how often it has struck.
func (a *Armed) Count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.count
}

// Done is closed when the fault has struck for the last time. It stays open when the
// fault is disarmed before.
func (a *Armed) Done() <-chan struct{} { return a.done }

// Add arms a fault for a number of times; 0 is once.
func (f *Faults[F]) Add(fault F, times int) *Armed {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := &waiting[F]{fault: fault, left: max(times, 1), armed: &Armed{done: make(chan struct{})}}
	f.armed = append(f.armed, w)
	return w.armed
}

// Disarm takes back all faults that still wait.
func (f *Faults[F]) Disarm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = nil
}

// Take gives out the first fault, in the order in which they were armed, of which the function is says that its
// moment has come.
func (f *Faults[F]) Take(is func(F) bool) (fault F, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, w := range f.armed {
		if !is(w.fault) {
			continue
		}
		w.left--
		w.armed.struck(w.left == 0)
		if w.left == 0 {
			f.armed = append(f.armed[:i:i], f.armed[i+1:]...)
		}
		return w.fault, true
	}
	return fault, false
}

func (a *Armed) struck(last bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count++
	if last {
		close(a.done)
	}
}
