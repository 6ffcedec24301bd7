package syncer

import (
	"sync"
	"time"
)

// contests remember the repairs of copies, to tell a mistake from a fight. Somebody who changes a copy now and then sees
// it repaired at once. Another controller that wants it otherwise would answer each repair, and so on for ever:
//
//	repair of a copy    waits
//	1st to 10th         not at all
//	11th                100 ms after the one before
//	12th, 13th, ...     200 ms, 400 ms, ... 5 min
//
// A copy that then stays as it is for a minute, or for twice as long as its next repair would have waited, is forgotten.
type contests struct {
	mu  sync.Mutex
	all map[ref]contest
}

type contest struct {
	repairs int
	last    time.Time
	by      string // who made the last one necessary, as far as is known
}

// freely is how many repairs are made at once.
const freely = 10

// delay is how long after the last repair the next one is made.
func (c contest) delay() time.Duration {
	const first, most = 100 * time.Millisecond, 5 * time.Minute
	n := c.repairs - freely
	if n < 0 {
		return 0
	}
	return min(first<<min(n, 12), most)
}

// quiet is after how long without another repair there is no contest any more.
func (c contest) quiet() time.Duration { return max(time.Minute, 2*c.delay()) }

// at is the contest about a target; the zero contest if there is none.
func (c *contests) at(target ref, now time.Time) contest {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.all[target]
	if now.Sub(found.last) >= found.quiet() {
		delete(c.all, target)
		return contest{}
	}
	return found
}

// going are the targets that are repaired less often than somebody changes them.
func (c *contests) going(now time.Time) map[ref]contest {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[ref]contest{}
	for target, contest := range c.all {
		if contest.repairs > freely && now.Sub(contest.last) < contest.quiet() {
			found[target] = contest
		}
	}
	return found
}

// wait is how long the next repair of a target has to wait.
func (c *contests) wait(target ref, now time.Time) time.Duration {
	found := c.at(target, now)
	return max(found.delay()-now.Sub(found.last), 0)
}

// repaired notes a repair, and tells when to look whether it lasted.
func (c *contests) repaired(target ref, by string, now time.Time) time.Duration {
	next := c.at(target, now)
	next.repairs, next.last, next.by = next.repairs+1, now, by
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[ref]contest{}
	}
	c.all[target] = next
	return next.quiet()
}

// repairs reports whether a plan undoes what somebody did to a copy, or looks what that was.
func repairs(p plan, lost bool) bool {
	switch p.verb {
	case readCopy:
		return true
	case create, update, replace:
		return p.drift || lost
	}
	return false
}

// kubed is whom a copy was contested by that has lost our marks and has kubed's.
const kubed = "kubed"

// contestant is who changed what is held last, apart from us.
func contestant(held *object) string {
	switch {
	case held == nil:
		return ""
	case held.is(roleKubed):
		return kubed
	}
	return held.owned.writer
}
