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
func (a *account) take(n int64) bool { return a.takeToward(a.held+n, n) }

// takeToward reserves n bytes, or nothing, for a request that is going to hold as much as most. It takes nothing if there
// is no room for the rest now, although it does not reserve the rest.
//
// So whoever took something last can always go on if nobody else takes more, and of those who know how much they are going
// to hold, the one that lacks least is never refused because of the others. If each took only what it needs next, large
// bodies could fill all the room with their beginnings, and none of them could go on.
func (a *account) takeToward(most, n int64) bool {
	for {
		used := a.budget.used.Load()
		if used-a.held+most > a.budget.max {
			return false
		}
		if a.budget.used.CompareAndSwap(used, used+n) {
			a.held += n
			return true
		}
	}
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
