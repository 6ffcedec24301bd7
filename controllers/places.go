package controllers

import (
	"cmp"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient/dns01"
)

const (
	// ordersPerCA is how many orders are under way at one CA. Most of their time is spent waiting for DNS.
	ordersPerCA = 256
	// ordersPerSolver is how many of them may wait for one account at a DNS vendor. It is a part of ordersPerCA, so that a
	// vendor that is down leaves the CA to the others.
	ordersPerSolver = 64
	// asksPerCA is how many certificates one CA is asked about at the same time.
	asksPerCA = 64
)

// places bound what is under way at each CA and each DNS account. A name whose places are taken holds no worker: it waits
// here, in the order in which names came, until they are free and held for it. Safe for concurrent use.
type places struct {
	perCA, perSolver int

	mu      sync.Mutex
	taken   map[string]int
	held    map[types.NamespacedName][]place
	waiting []waiter
}

// place is one of those at somebody.
type place struct {
	at   string
	most int
}

type waiter struct {
	name   types.NamespacedName
	wanted []place
}

func newPlaces() *places {
	return &places{perCA: ordersPerCA, perSolver: ordersPerSolver, taken: map[string]int{}, held: map[types.NamespacedName][]place{}}
}

// take gives the name the places that it wants, instead of those that it has. If one of them is taken it gets none and
// waits: a later leave returns its name.
func (p *places) take(name types.NamespacedName, wanted ...place) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Equal(p.held[name], wanted) {
		return true
	}
	p.drop(name)
	p.waiting = slices.DeleteFunc(p.waiting, func(w waiter) bool { return w.name == name })
	if !p.free(wanted) {
		p.waiting = append(p.waiting, waiter{name, wanted})
		return false
	}
	p.hold(name, wanted)
	return true
}

// leave gives back what the name has, and returns those names that now have the places for which they waited. Each has to
// be looked at, and to leave, even if it wants nothing any more.
func (p *places) leave(name types.NamespacedName) (woken []types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.held[name]) == 0 {
		return nil
	}
	p.drop(name)
	p.waiting = slices.DeleteFunc(p.waiting, func(w waiter) bool {
		if !p.free(w.wanted) {
			return false
		}
		p.hold(w.name, w.wanted)
		woken = append(woken, w.name)
		return true
	})
	return woken
}

func (p *places) free(wanted []place) bool {
	return !slices.ContainsFunc(wanted, func(w place) bool { return p.taken[w.at] >= w.most })
}

func (p *places) hold(name types.NamespacedName, wanted []place) {
	for _, w := range wanted {
		p.taken[w.at]++
	}
	if len(wanted) > 0 {
		p.held[name] = wanted
	}
}

func (p *places) drop(name types.NamespacedName) {
	for _, h := range p.held[name] {
		if p.taken[h.at]--; p.taken[h.at] == 0 {
			delete(p.taken, h.at)
		}
	}
	delete(p.held, name)
}

// toObtain are the places that it takes to obtain a certificate; none if its issuer signs by itself.
func (p *places) toObtain(v *view) []place {
	issuer := v.want.Issuer
	if issuer.Kind != KindACME && issuer.Kind != KindVault {
		return nil
	}
	all := []place{{"orders at " + cmp.Or(issuer.Server, issuer.Vault.Server), p.perCA}}
	if issuer.Kind == KindACME && !issuer.HTTP01 {
		for _, solver := range dns01.Serving(v.solvers, v.want.Names) {
			all = append(all, place{"solver " + solver, p.perSolver})
		}
	}
	return all
}
