package syncer

import (
	"sync"
	"unique"
)

// A cluster has many copies of few sources, which differ in their target alone. What follows is for them to be read and
// kept once.

// alike is m with strings that it shares with the maps of other copies.
func alike(m map[string]string) map[string]string {
	same := make(map[string]string, len(m))
	for key, value := range m {
		if key != AnnotationTarget {
			value = unique.Make(value).Value()
		}
		same[unique.Make(key).Value()] = value
	}
	return same
}

// memo remembers what was made of the last texts that are of the length that ours have. What it returns must not be changed.
// Safe for concurrent use.
type memo[T any] struct {
	make func(text string) T

	mu    sync.RWMutex
	known map[string]T
}

const (
	memoSize = 512  // more than a cluster has sources that change at the same time
	memoText = 4096 // bytes; users can make longer ones, which would fill our memory
)

func newMemo[T any](make func(text string) T) *memo[T] {
	return &memo[T]{make: make, known: map[string]T{}}
}

func (m *memo[T]) of(text string) T {
	if text == "" || len(text) > memoText { // most objects of a cluster have no origin
		return m.make(text)
	}
	m.mu.RLock()
	made, found := m.known[text]
	m.mu.RUnlock()
	if found {
		return made
	}
	made = m.make(text)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.known) >= memoSize {
		clear(m.known)
	}
	m.known[text] = made
	return made
}
