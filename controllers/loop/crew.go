package loop

import "sync"

// crew is the workers. Each stays for many names: a new goroutine for each would have its stack grown each time, as a
// request's calls go deep.
type crew struct {
	next    func() bool // does one piece of work, and reports whether there may be another
	working sync.WaitGroup

	mu    sync.Mutex
	spare int // how many are too many, since some have come back from away
}

// run has so many workers call next until it returns false, and returns when the last of them is done. It is called once.
func (c *crew) run(workers int, next func() bool) {
	c.next = next
	for range workers {
		c.hire()
	}
	c.working.Wait()
}

func (c *crew) hire() {
	c.working.Go(func() {
		for c.next() && !c.dismissed() {
		}
	})
}

// away runs f in a worker while another takes its place. The one that comes back waits for nobody, so that there is one too
// many until the next of them has done its work.
func (c *crew) away(f func()) {
	c.hire()
	f()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spare++
}

func (c *crew) dismissed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spare == 0 {
		return false
	}
	c.spare--
	return true
}
