package httpapi

import "sync/atomic"

// budget is a number of bytes that may be held at a time.
type budget struct {
	max  int64
	used atomic.Int64
}

// fits tells whether n bytes could be taken now; it takes nothing.
func (b *budget) fits(n int64) bool { return b.used.Load()+n <= b.max }

// account is what one request holds of the budget. Whoever makes it closes it,
// so that nothing is lost on any way out, not even a panic.
type account struct {
	budget *budget
	held   int64
}

// take reserves n bytes, or nothing.
func (a *account) take(n int64) bool {
	if a.budget.used.Add(n) > a.budget.max {
		a.budget.used.Add(-n)
		return false
	}
	a.held += n
	return true
}

// force takes n bytes whether there is room or not: they are held already.
func (a *account) force(n int64) {
	a.held += n
	a.budget.used.Add(n)
}

func (a *account) give(n int64) {
	a.held -= n
	a.budget.used.Add(-n)
}

func (a *account) close() { a.give(a.held) }
