package syncer

import (
	"container/list"
	"context"
	"sync"
)

// contents reads sources: one live GET for each resourceVersion, whatever the number of targets that wait for it. What
// was read last is kept, up to so many bytes in all, since the targets of one source come one after the other.
type contents struct {
	read func(context.Context, ref) (content, error)
	most int // bytes kept

	mu    sync.Mutex
	kept  map[ref]*list.Element // of *reading
	order *list.List            // the one used last in front
	bytes int
}

// reading is a GET, under way or done.
type reading struct {
	of   ref
	done chan struct{}
	content
	err error
	cut bool // err comes from the end of the reader's context
}

func newContents(most int, read func(context.Context, ref) (content, error)) *contents {
	return &contents{read: read, most: most, kept: map[ref]*list.Element{}, order: list.New()}
}

// get is a source as it was at resourceVersion, or later.
func (c *contents) get(ctx context.Context, of ref, resourceVersion string) (content, error) {
	for {
		r, mine := c.join(of, resourceVersion)
		if mine {
			r.content, r.err = c.read(ctx, of)
			r.cut = r.err != nil && ctx.Err() != nil
			c.settle(r)
			return r.content, r.err
		}
		select {
		case <-r.done:
		case <-ctx.Done():
			return content{}, context.Cause(ctx)
		}
		if r.cut && ctx.Err() == nil {
			continue // its reader had to stop, which is not this one's fault
		}
		// A reading that began before resourceVersion was written may lack it: then read again.
		if r.err != nil || !newer(resourceVersion, r.meta.ResourceVersion) {
			return r.content, r.err
		}
	}
}

// join gives the reading to wait for, or a new one that the caller has to do.
func (c *contents) join(of ref, resourceVersion string) (r *reading, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.kept[of]; e != nil {
		r := e.Value.(*reading)
		if !r.finished() || !newer(resourceVersion, r.meta.ResourceVersion) {
			c.order.MoveToFront(e)
			return r, false
		}
		c.forget(e)
	}
	r = &reading{of: of, done: make(chan struct{})}
	c.kept[of] = c.order.PushFront(r)
	return r, true
}

// settle ends a reading, and forgets what there is no room for. A failed one is not kept.
func (c *contents) settle(r *reading) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(r.done)
	c.bytes += r.size()
	if r.err != nil {
		c.forget(c.kept[r.of])
	}
	for e := c.order.Back(); e != nil && c.bytes > c.most; {
		oldest := e
		e = e.Prev()
		if oldest.Value.(*reading).finished() {
			c.forget(oldest)
		}
	}
}

// clear forgets all that has been read.
func (c *contents) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.kept {
		if e.Value.(*reading).finished() {
			c.forget(e)
		}
	}
}

func (c *contents) forget(e *list.Element) {
	r := c.order.Remove(e).(*reading)
	delete(c.kept, r.of)
	c.bytes -= r.size()
}

func (r *reading) finished() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}
