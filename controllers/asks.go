package controllers

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// asks knows what all Ingresses ask for, by Ingress, by certificate and by the Secret asked for. It is safe for
// concurrent use.
type asks struct {
	mu            sync.RWMutex
	byIngress     map[types.NamespacedName][]Ask
	byCertificate index
	byTarget      index
}

// index finds asks: key → Ingress → its asks under that key.
type index map[types.NamespacedName]map[types.NamespacedName][]Ask

func newAsks() *asks {
	return &asks{byIngress: map[types.NamespacedName][]Ask{}, byCertificate: index{}, byTarget: index{}}
}

// target is the Secret that the Ingress refers to.
func (a Ask) target() types.NamespacedName {
	return types.NamespacedName{Namespace: a.Ingress.Namespace, Name: a.SecretName}
}

// set replaces what one Ingress asks for, and returns the asks of which something changed: the old and the new ones.
func (s *asks) set(ingress types.NamespacedName, now []Ask) (changed []Ask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.byIngress[ingress]
	if slices.EqualFunc(before, now, Ask.equal) {
		return nil
	}
	for _, a := range before {
		s.byCertificate.remove(a.Certificate, ingress)
		s.byTarget.remove(a.target(), ingress)
	}
	delete(s.byIngress, ingress)
	for _, a := range now {
		s.byCertificate.add(a.Certificate, a)
		s.byTarget.add(a.target(), a)
	}
	if len(now) > 0 {
		s.byIngress[ingress] = now
	}
	return slices.Concat(before, now)
}

func (a Ask) equal(b Ask) bool {
	return a.Ingress == b.Ingress && a.Certificate == b.Certificate && a.Issuer == b.Issuer &&
		a.SecretName == b.SecretName && a.KeyType == b.KeyType && a.Shared == b.Shared && a.Held == b.Held && slices.Equal(a.Names, b.Names)
}

// forCertificate returns what is asked of a certificate, the oldest Ingress first.
func (s *asks) forCertificate(name types.NamespacedName) []Ask {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byCertificate.list(name)
}

// forTarget returns the asks for the Secret of that name, the oldest Ingress first.
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
	for _, asks := range s.byIngress {
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
		x[key] = map[types.NamespacedName][]Ask{}
	}
	x[key][a.Ingress.NamespacedName] = append(x[key][a.Ingress.NamespacedName], a)
}

func (x index) remove(key, ingress types.NamespacedName) {
	delete(x[key], ingress)
	if len(x[key]) == 0 {
		delete(x, key)
	}
}

func (x index) list(key types.NamespacedName) []Ask {
	ordered := slices.SortedFunc(maps.Values(x[key]), func(a, b []Ask) int { return a[0].Ingress.compare(b[0].Ingress) })
	return slices.Concat(ordered...)
}

// compare orders Ingresses by age, then by name.
func (r IngressRef) compare(o IngressRef) int {
	return cmp.Or(r.Created.Compare(o.Created), cmp.Compare(r.Namespace, o.Namespace), cmp.Compare(r.Name, o.Name))
}
