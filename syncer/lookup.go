package syncer

import (
	"maps"
	"slices"
	"time"
)

// at is what is known at a place: a source, a copy, an offered object, what kubed left, or nil.
func (x *index) at(place ref) *object {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.objects[place]
}

// sourcesNamed are the sources whose copies have that name.
func (x *index) sourcesNamed(name string) []*object {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var found []*object
	for at := range x.named[name] {
		found = append(found, x.objects[at])
	}
	return found
}

// allSources are all sources, those included that are not in order.
func (x *index) allSources() []*object {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Collect(maps.Values(x.sources))
}

// copiesFrom are the copies that name a source as their origin.
func (x *index) copiesFrom(source ref) []ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Collect(maps.Keys(x.from[source]))
}

// copiesIn are the copies in a namespace.
func (x *index) copiesIn(namespace string) []ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Collect(maps.Keys(x.within[namespace]))
}

// allCopies are all copies.
func (x *index) allCopies() []ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var found []ref
	for _, copies := range x.from {
		found = slices.AppendSeq(found, maps.Keys(copies))
	}
	return found
}

// leftByKubed are the copies that kubed made, as far as they are no copies of ours.
func (x *index) leftByKubed() []ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var found []ref
	for at, o := range x.objects {
		if o.role == roleKubed {
			found = append(found, at)
		}
	}
	return found
}

// missingSince tells since when a source has not been there. One that was deleted before the index was filled is
// missing since the fill. Its namespace must be one that is seen.
func (x *index) missingSince(source ref) time.Time {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if when, found := x.gone[source]; found {
		return when
	}
	return x.fillOf(source.Namespace).since
}

// groups is a map of sets of places. The empty set is not kept.
type groups[K comparable] map[K]map[ref]struct{}

func (g groups[K]) add(k K, at ref) {
	if g[k] == nil {
		g[k] = map[ref]struct{}{}
	}
	g[k][at] = struct{}{}
}

func (g groups[K]) remove(k K, at ref) {
	delete(g[k], at)
	if len(g[k]) == 0 {
		delete(g, k)
	}
}

// count is how many sources there are. It calls copy, which must not block, for each copy.
func (x *index) count(copy func(at ref)) (sources int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, copies := range x.from {
		for at := range copies {
			copy(at)
		}
	}
	return len(x.sources)
}
