package loop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// longest is the longest that a timer runs. What is due later is looked at once in between, so that a clock that
// jumps is noticed within a day.
const longest = 24 * time.Hour

// Func brings what key names to its desired state. It starts from nothing and never learns why it was called. It
// returns how long to wait before looking again; zero means not until something changes.
type Func[K comparable] func(ctx context.Context, key K) (again time.Duration, err error)

// Options of a Loop. The zero value is usable.
type Options struct {
	// Log receives one entry for each failure. Nil discards them.
	Log *zap.Logger
	// Backoff tells how long to wait after so many failures in a row, 1 for the first. Nil is [Backoff].
	Backoff func(failures int) time.Duration
}

// Loop is a queue of names and the workers that look at them. Its methods are safe for concurrent use.
type Loop[K comparable] struct {
	name      string
	reconcile Func[K]
	log       *zap.Logger
	backoff   func(int) time.Duration

	lanes *lanes[K]
	queue workqueue.TypedDelayingInterface[K]
	crew  crew

	mu       sync.Mutex
	failures map[K]int
}

// New returns a loop that calls reconcile. The name stands in the queue's metrics and in the log.
func New[K comparable](name string, reconcile Func[K], o Options) *Loop[K] {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Backoff == nil {
		o.Backoff = Backoff
	}
	lanes := newLanes[K]()
	return &Loop[K]{
		name:      name,
		reconcile: reconcile,
		log:       o.Log.Named(name),
		backoff:   o.Backoff,
		lanes:     lanes,
		queue: workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[K]{
			Name:  name,
			Queue: workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[K]{Name: name, Queue: lanes}),
		}),
		failures: map[K]int{},
	}
}

// Add makes the loop look at keys as soon as a worker is free.
func (l *Loop[K]) Add(keys ...K) {
	for _, key := range keys {
		l.queue.Add(key)
	}
}

// AddUrgent is Add for keys that should overtake those added otherwise.
func (l *Loop[K]) AddUrgent(keys ...K) {
	for _, key := range keys {
		l.lanes.hurry(key)
		l.queue.Add(key)
	}
}

// AddAfter makes the loop look at key after d, or earlier if something else adds it.
func (l *Loop[K]) AddAfter(key K, d time.Duration) {
	l.queue.AddAfter(key, min(d, longest))
}

// AddUrgentAfter is AddAfter for a key that should overtake, once it is due, those added otherwise.
func (l *Loop[K]) AddUrgentAfter(key K, d time.Duration) {
	l.lanes.hurry(key) // which lasts until the key's next turn, this one or an earlier one
	l.AddAfter(key, d)
}

// Len is the number of names that are due and wait for a worker.
func (l *Loop[K]) Len() int { return l.queue.Len() }

// Run waits until all of synced are done, works with so many workers until ctx ends, and returns when the last of
// them has returned. Names added before Run are kept. It returns an error only if ctx ended before the caches were
// synced. A loop runs once.
func (l *Loop[K]) Run(ctx context.Context, workers int, synced ...cache.DoneChecker) error {
	defer l.queue.ShutDown()
	if !cache.WaitFor(ctx, "", synced...) {
		return fmt.Errorf("%s: waiting for caches: %w", l.name, context.Cause(ctx))
	}
	defer context.AfterFunc(ctx, l.queue.ShutDown)()
	l.crew.run(workers, func() bool { return l.next(ctx) })
	return nil
}

// Away runs f, which waits for somebody else, while another worker takes this one's place. Only the loop's own reconciler
// may call it, and not from within f; who does bounds how many are away.
func (l *Loop[K]) Away(f func()) { l.crew.away(f) }

// next looks at the next name, and reports whether there may be another. Names still queued at the end are for whoever leads
// next.
func (l *Loop[K]) next(ctx context.Context) bool {
	key, over := l.queue.Get()
	if over || ctx.Err() != nil {
		return false
	}
	l.work(ctx, key)
	return true
}

// work looks at one name.
func (l *Loop[K]) work(ctx context.Context, key K) {
	defer l.queue.Done(key)
	again, err := l.reconcile(ctx, key)
	l.settle(ctx, key, again, err)
}

// settle does with an outcome what the table in the package's comment says.
func (l *Loop[K]) settle(ctx context.Context, key K, again time.Duration, err error) {
	switch {
	case err == nil:
		l.forget(key)
		if again > 0 {
			l.AddAfter(key, again)
		}
	case ctx.Err() != nil:
		// The work was cut short by the stop, which is nobody's failure.
	case IsPermanent(err):
		l.forget(key)
		l.log.Error("Gave up until something changes", zap.Any("key", key), zap.Error(err))
	default:
		wait := l.backoff(l.fail(key))
		l.log.Warn("Failed", zap.Any("key", key), zap.Duration("again", wait), zap.Error(err))
		l.AddAfter(key, wait)
	}
}

func (l *Loop[K]) fail(key K) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures[key]++
	return l.failures[key]
}

func (l *Loop[K]) forget(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.failures, key)
}

// Backoff doubles from one second to five minutes:
//
//	1 → 1 s, 2 → 2 s, 3 → 4 s, ... 9 → 256 s, 10 and more → 300 s
func Backoff(failures int) time.Duration {
	const most = 5 * time.Minute
	if failures > 9 {
		return most
	}
	return min(time.Second<<max(failures-1, 0), most)
}

type permanent struct{ err error }

// Permanent marks err as one that trying again cannot mend. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

// IsPermanent reports whether err, or an error that it wraps, was marked with [Permanent].
func IsPermanent(err error) bool {
	_, ok := errors.AsType[permanent](err)
	return ok
}

func (p permanent) Error() string { return p.err.Error() }
func (p permanent) Unwrap() error { return p.err }
