package syncer

import (
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/cache"
)

// fill is how far it is known what is in a namespace, or in all of them.
type fill struct {
	since   time.Time // when all was listed first; zero before
	seen    string    // the resourceVersion up to which all has been told
	full    atomic.Bool
	once    sync.Once
	settled chan struct{}
}

// begin takes note of a list that is being put into the index, and reports whether it is older than what has been told:
// then etcd was restored from a backup.
func (f *fill) begin(now time.Time, version string) (older bool) {
	if f.since.IsZero() {
		f.since = now
	}
	older = f.seen != "" && newer(f.seen, version)
	f.seen = version
	return older
}

// reach takes note of how far the watch has come.
func (f *fill) reach(version string) {
	if newer(version, f.seen) {
		f.seen = version
	}
}

// passed reports whether a state has been told, in a list or by the watch: its events come in their order.
func (f *fill) passed(version string) bool { return !newer(version, f.seen) }

// end takes note that all of a list has been put into the index.
func (f *fill) end() {
	f.full.Store(true)
	f.settle()
}

// settle ends the wait for a list: there is one, or the API server forbids it.
func (f *fill) settle() { f.once.Do(func() { close(f.settled) }) }

// divide makes the index expect a watch for each of the namespaces; the empty name stands for all. Nothing may be in it
// yet.
func (x *index) divide(namespaces []string) {
	x.fills = map[string]*fill{}
	for _, name := range namespaces {
		x.fills[name] = &fill{settled: make(chan struct{})}
	}
}

// fillOf is that of the watch in which a namespace is, nil if there is none.
func (x *index) fillOf(namespace string) *fill {
	if all := x.fills[""]; all != nil {
		return all
	}
	return x.fills[namespace]
}

// sees reports whether it is known what is in a namespace. What is not seen is not gone.
func (x *index) sees(namespace string) bool {
	f := x.fillOf(namespace)
	return f != nil && f.full.Load()
}

// copiesOut are the copies, wherever they are, that name a source in the namespace as their origin.
func (x *index) copiesOut(namespace string) []ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var found []ref
	for source, copies := range x.from {
		if source.Namespace != namespace {
			continue
		}
		for at := range copies {
			found = append(found, at)
		}
	}
	return found
}

// part is the index as the store behind the watch of one namespace; the empty name stands for all. It is done once it is
// filled or cannot be.
type part struct {
	*index
	namespace string
}

var _ interface {
	cache.TransformingStore
	cache.ResourceVersionUpdater
	cache.DoneChecker
} = part{}

// Replace takes all objects that there are in the namespace.
func (p part) Replace(list []any, version string) error {
	return p.replace(p.namespace, list, version)
}

// UpdateResourceVersion is told after each event of the watch.
func (p part) UpdateResourceVersion(version string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fills[p.namespace].reach(version)
}

func (p part) Name() string { return "syncer " + p.namespace }

func (p part) Done() <-chan struct{} { return p.fills[p.namespace].settled }
