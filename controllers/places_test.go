package controllers

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient/dns01"
)

func certificateNamed(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: home, Name: name}
}

func TestPlacesAreGivenInTheOrderInWhichNamesCameAndHeldForThoseThatAreWoken(t *testing.T) {
	p, ca := newPlaces(), place{"ca", 2}
	a, b, c, d := certificateNamed("a"), certificateNamed("b"), certificateNamed("c"), certificateNamed("d")
	if !p.take(a, ca) || !p.take(b, ca) || p.take(c, ca) || p.take(d, ca) {
		t.Fatal("not the first two have the two places")
	}
	if !p.take(a, ca) {
		t.Error("a lost its place by asking again")
	}
	if woken := p.leave(a); !slices.Equal(woken, []types.NamespacedName{c}) {
		t.Errorf("woken are %v, want c", woken)
	}
	if p.take(a, ca) {
		t.Error("a took the place that is held for c")
	}
	if !p.take(c, ca) {
		t.Error("c was woken and has no place")
	}
	if woken := slices.Concat(p.leave(c), p.leave(b), p.leave(d), p.leave(a)); !slices.Equal(woken, []types.NamespacedName{d, a}) {
		t.Errorf("woken are %v, want d and a", woken)
	}
	if len(p.taken)+len(p.held)+len(p.waiting) > 0 {
		t.Errorf("left behind: %+v", p)
	}
}

func TestANameThatWantsNothingAnyMorePassesItsPlaceOn(t *testing.T) {
	p, ca := newPlaces(), place{"ca", 1}
	first, gone, next := certificateNamed("first"), certificateNamed("gone"), certificateNamed("next")
	p.take(first, ca)
	p.take(gone, ca)
	p.take(next, ca)
	if woken := p.leave(gone); len(woken) > 0 {
		t.Errorf("one that had no place woke %v", woken)
	}
	if woken := slices.Concat(p.leave(first), p.leave(gone)); !slices.Equal(woken, []types.NamespacedName{gone, next}) {
		t.Errorf("woken are %v", woken)
	}
}

func TestASlowVendorTakesItsOwnPlacesAndLeavesThoseOfItsCAToOthers(t *testing.T) {
	p := newPlaces()
	issuer := &Issuer{Kind: KindACME, Server: "https://ca.test/dir"}
	solvers := []dns01.Settings{{Name: "slow", Zones: []string{"slow.test"}}, {Name: "quick", Zones: []string{"quick.test"}}}
	placesFor := func(zone string) []place {
		return p.toObtain(&view{want: &Want{Issuer: issuer, Names: []string{"*." + zone, zone}}, solvers: solvers})
	}
	under := 0
	for i := range 1000 {
		if p.take(certificateNamed(fmt.Sprint("slow-", i)), placesFor("slow.test")...) {
			under++
		}
	}
	if under != ordersPerSolver {
		t.Errorf("%d orders wait for the slow vendor, want %d", under, ordersPerSolver)
	}
	if !p.take(certificateNamed("quick"), placesFor("quick.test")...) {
		t.Error("an order for another vendor has to wait")
	}
	if p.take(certificateNamed("both"), append(placesFor("slow.test"), placesFor("quick.test")...)...) {
		t.Error("an order for both vendors does not wait for the slow one")
	}
}

func TestWhoSignsByItselfNeedsNoPlace(t *testing.T) {
	for kind, want := range map[Kind]int{KindCA: 0, KindSelfSigned: 0, KindVault: 1, KindACME: 1} {
		v := &view{want: &Want{Issuer: &Issuer{Kind: kind, HTTP01: true}, Names: []string{"a.test"}}}
		if got := newPlaces().toObtain(v); len(got) != want {
			t.Errorf("%s needs %v", kind, got)
		}
	}
}
