package loop

import "sync"

// lanes is the store under the queue: first in, first out in each of two lanes, the fast one first. It implements
// workqueue.Queue, whose methods the queue calls under its own lock; hurry is called from outside that lock.
type lanes[K comparable] struct {
	mu         sync.Mutex
	urgent     map[K]struct{} // names that hurry named and that were not popped since
	in         map[K]*fifo[K] // where each queued name waits; a name elsewhere in a lane was moved and is skipped
	slow, fast fifo[K]
}

type fifo[K comparable] []K

func newLanes[K comparable]() *lanes[K] {
	return &lanes[K]{urgent: map[K]struct{}{}, in: map[K]*fifo[K]{}}
}

// hurry makes the next Push or Touch of key put it into the fast lane.
func (q *lanes[K]) hurry(key K) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.urgent[key] = struct{}{}
}

// Touch moves a name that became urgent while it waited.
func (q *lanes[K]) Touch(key K) {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, urgent := q.urgent[key]
	if urgent && q.in[key] == &q.slow {
		q.put(key, &q.fast)
	}
}

// Push appends a name to the lane it belongs to.
func (q *lanes[K]) Push(key K) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lane := &q.slow
	if _, urgent := q.urgent[key]; urgent {
		lane = &q.fast
	}
	q.put(key, lane)
}

func (q *lanes[K]) put(key K, lane *fifo[K]) {
	*lane = append(*lane, key)
	q.in[key] = lane
}

// Len is the number of names in both lanes.
func (q *lanes[K]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.in)
}

// Pop takes the first name. The queue calls it only when Len is not zero.
func (q *lanes[K]) Pop() K {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		lane := &q.fast
		if len(*lane) == 0 {
			lane = &q.slow
		}
		key := (*lane)[0]
		*lane = (*lane)[1:]
		if q.in[key] != lane {
			continue // moved to the fast lane since, and perhaps popped there
		}
		delete(q.in, key)
		delete(q.urgent, key)
		return key
	}
}
