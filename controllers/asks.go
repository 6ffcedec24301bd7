package controllers

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// asks knows what is asked for, by asker, by certificate and by the Secret asked for. It is safe for
// concurrent use.
type asks struct {
	mu            sync.RWMutex
	byAsker       map[askerID][]Ask
	byCertificate index
	byTarget      index
}

// index finds asks: key → asker → its asks under that key.
type index map[types.NamespacedName]map[askerID][]Ask

func newAsks() *asks {
	return &asks{byAsker: map[askerID][]Ask{}, byCertificate: index{}, byTarget: index{}}
}

// Target is the Secret that the asker refers to.
func (a Ask) Target() types.NamespacedName {
	return types.NamespacedName{Namespace: cmp.Or(a.In, a.By.Namespace), Name: a.SecretName}
}

// set replaces what one asker asks for, and returns the asks of which something changed: the old and the new ones.
func (s *asks) set(by askerID, now []Ask) (changed []Ask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.byAsker[by]
	if slices.EqualFunc(before, now, Ask.equal) {
		return nil
	}
	for _, a := range before {
		s.byCertificate.remove(a.Certificate, by)
		s.byTarget.remove(a.Target(), by)
	}
	delete(s.byAsker, by)
	for _, a := range now {
		s.byCertificate.add(a.Certificate, a)
		s.byTarget.add(a.Target(), a)
	}
	if len(now) > 0 {
		s.byAsker[by] = now
	}
	return slices.Concat(before, now)
}

func (a Ask) equal(b Ask) bool {
	return a.By == b.By && a.Certificate == b.Certificate && a.Issuer == b.Issuer &&
		a.Target() == b.Target() && a.Traits.equal(b.Traits) && a.Template.equal(b.Template) && a.Shared == b.Shared && a.Sync == b.Sync && a.Held == b.Held && slices.Equal(a.Names, b.Names)
}

// forCertificate returns what is asked of a certificate, in the order of their askers.
func (s *asks) forCertificate(name types.NamespacedName) []Ask {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byCertificate.list(name)
}

// forTarget returns the asks for the Secret of that name, in the order of their askers.
func (s *asks) forTarget(name types.NamespacedName) []Ask {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byTarget.list(name)
}

// certificatesFrom returns the names of the certificates that are asked of an issuer which match accepts.
func (s *asks) certificatesFrom(match func(issuer types.NamespacedName) bool) []types.NamespacedName {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := map[types.NamespacedName]struct{}{}
	for _, asks := range s.byAsker {
		for _, a := range asks {
			if match(a.Issuer) {
				found[a.Certificate] = struct{}{}
			}
		}
	}
	return slices.Collect(maps.Keys(found))
}

func (x index) add(key types.NamespacedName, a Ask) {
	if x[key] == nil {
		x[key] = map[askerID][]Ask{}
	}
	x[key][a.By.id()] = append(x[key][a.By.id()], a)
}

func (x index) remove(key types.NamespacedName, by askerID) {
	delete(x[key], by)
	if len(x[key]) == 0 {
		delete(x, key)
	}
}

func (x index) list(key types.NamespacedName) []Ask {
	ordered := slices.SortedFunc(maps.Values(x[key]), func(a, b []Ask) int { return a[0].By.compare(b[0].By) })
	return slices.Concat(ordered...)
}
