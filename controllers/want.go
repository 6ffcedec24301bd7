package controllers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/controllers/signers"
)

// Want is the certificate that should be.
type Want struct {
	Name      types.NamespacedName // of the Secret
	Issuer    *Issuer              // nil when held: the issuer is missing or not valid
	InsteadOf string               // namespace/name of the issuer for which this one stands in; empty if it does not
	Names     []string             // canonical, sorted, irredundant
	Traits
	Template Template
	Shared   bool   // copied by the syncer
	Sync     string // the selector, when Shared
	Asks     []Ask  // whose wish it is, the oldest first
	Held     []Ask  // that wait for their issuer
}

// Refusal is an Ask that cannot be joined with the older ones for the same certificate.
type Refusal struct {
	Ask     Ask
	Problem Problem
}

// wantOf joins what is asked of one certificate, the oldest asker first; nil when nothing is. The oldest asker
// decides the issuer: another one that names another issuer is refused, since a certificate has one. Names are the
// union; what else they choose is joined as [Traits.or] and
// [Template.or] say, the oldest asker's first. A Want without Issuer is held: all its asks are, and nothing new is ordered. When
// only some are held, see [Want.serves].
func wantOf(asks []Ask, issuer func(types.NamespacedName) (*Issuer, error)) (*Want, []Refusal) {
	if len(asks) == 0 {
		return nil, nil
	}
	want := &Want{Name: asks[0].Certificate}
	var refused []Refusal
	for _, ask := range asks {
		if ask.Held {
			want.Held = append(want.Held, ask)
			continue
		}
		if want.Issuer == nil {
			from, err := issuer(ask.Issuer)
			if err != nil || from == nil {
				continue // the issuer has just changed: this ask is about to be replaced by a held one
			}
			want.Issuer = from
		}
		if ask.Issuer != want.Issuer.Name {
			refused = append(refused, want.refuse(ask))
			continue
		}
		want.join(ask)
	}
	want.settle()
	return want, refused
}

func (w *Want) refuse(ask Ask) Refusal {
	if ask.By.Kind == AskerStanding {
		return Refusal{ask, Problem{ReasonInvalidCertificate, fmt.Sprintf("Certificate %s comes from issuer %s, for which %s %s asked first. "+
			"Name that issuer, or another secretName.", w.Name.Name, w.Issuer.Name, w.Asks[0].By.Kind, w.Asks[0].By.NamespacedName)}}
	}
	return Refusal{ask, Problem{ask.By.Kind.invalid(), fmt.Sprintf("Certificate %s comes from issuer %s, for which %s %s asked first. "+
		"Name that issuer, or another certificate with the annotation %s.",
		w.Name.Name, w.Issuer.Name, w.Asks[0].By.Kind, w.Asks[0].By.NamespacedName, AnnotationCertificate)}}
}

func (w *Want) join(ask Ask) {
	w.Asks = append(w.Asks, ask)
	w.Names = append(w.Names, ask.Names...)
	w.Traits = w.Traits.or(ask.Traits)
	w.Template = w.Template.or(ask.Template)
	w.Shared = w.Shared || ask.Shared
}

// serves reports whether a certificate is one that held asks have been served by: it comes from their issuer and has
// their names. Another issuer, which younger Ingresses name, does not replace it before it is due.
func (w *Want) serves(have *Have, now time.Time) bool {
	return have.isCertificate() && have.Managed && now.Before(have.renewAt(0)) && slices.ContainsFunc(w.Held, func(a Ask) bool {
		return have.isFrom(a.Issuer) && covers(have.Names, a.Names)
	})
}

// settle derives what depends on all asks.
func (w *Want) settle() {
	if w.Issuer == nil {
		return
	}
	w.Names = irredundant(w.Names)
	w.Traits = w.Traits.or(w.Issuer.Traits)
	if w.CA {
		w.IPs, w.URIs, w.Usages = nil, nil, signers.Usages{}
	}
	if w.Shared {
		w.Sync = w.Issuer.SyncFor(w.Name.Name)
	}
	if first := w.Asks[0]; first.By.Kind == AskerStanding {
		w.Shared, w.Sync = first.Sync != "false", first.Sync
	}
}

// inputs is a hash of what an order depends on, the solvers and the text of AnnotationRenew among it. Failures counted under other inputs are forgotten.
func (w *Want) inputs(solvers, renew string) string {
	return hashData(map[string][]byte{
		"renew":   []byte(renew),
		"names":   []byte(strings.Join(w.Names, ",")),
		"issuer":  []byte(w.Issuer.Name.String() + w.Issuer.Hash),
		"traits":  w.Traits.encode(),
		"solvers": []byte(solvers),
	})
}

// shareName reports whether two lists of names have one in common.
func shareName(a, b []string) bool {
	return slices.ContainsFunc(a, func(name string) bool { return slices.Contains(b, name) })
}
