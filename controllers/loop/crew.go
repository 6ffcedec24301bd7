package loop

import "sync"

// crew counts the workers that work.
type crew struct {
	mu   sync.Mutex
	left *sync.Cond
	busy int
}

func newCrew() *crew {
	c := &crew{}
	c.left = sync.NewCond(&c.mu)
	return c
}

// await returns when fewer than so many work. It reserves nothing: those that come back from Away wait for nobody, so
// that there may be some more for a moment.
func (c *crew) await(workers int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.busy >= workers {
		c.left.Wait()
	}
}

func (c *crew) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy++
}

func (c *crew) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
	c.left.Signal()
}
