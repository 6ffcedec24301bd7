package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
)

// The namespaces in which something happens to the copy.
const (
	edited    = "app"
	deleted   = "dev-app"
	forbidden = "uat-wly"
)

// permitOne labels one more namespace.
func permitOne(ctx context.Context, s *scene) error {
	source, err := s.current(copyIn(home))
	if err != nil {
		return err
	}
	mark := s.sight.now()
	if err := s.shown(ctx, "label", "namespace", twelfth, permission); err != nil {
		return err
	}
	label, err := s.sight.first(ctx, mark, "the label of namespace "+twelfth, labelled(twelfth, true))
	if err != nil {
		return err
	}
	there, err := s.arrived(ctx, mark, source, copiesOf(twelfth))
	if err != nil {
		return err
	}
	s.tell.effect(there.at.Sub(label.at), "the copy is there")
	return nil
}

// meddle edits one copy and deletes another.
func meddle(ctx context.Context, s *scene) error {
	source, err := s.current(copyIn(home))
	if err != nil {
		return err
	}
	mark := s.sight.now()
	if err := s.shown(ctx, "-n", edited, "patch", "secret", certificate, "--type=merge", "-p", `{"data":{"tls.crt":"dGFtcGVyZWQ="}}`); err != nil {
		return err
	}
	harm, err := s.sight.first(ctx, mark, "the edit", secret(copyIn(edited), func(c *corev1.Secret) bool { return !sameAs(source)(c) }))
	if err != nil {
		return err
	}
	repaired, err := s.arrived(ctx, mark, source, copiesOf(edited))
	if err != nil {
		return err
	}
	s.tell.effect(repaired.at.Sub(harm.at), "the edited copy is repaired")

	mark = s.sight.now()
	if err := s.shown(ctx, "-n", deleted, "delete", "secret", certificate); err != nil {
		return err
	}
	harm, err = s.sight.first(ctx, mark, "the deletion", gone(copyIn(deleted)))
	if err != nil {
		return err
	}
	if repaired, err = s.arrived(ctx, mark, source, copiesOf(deleted)); err != nil {
		return err
	}
	s.tell.effect(repaired.at.Sub(harm.at), "the deleted copy is back")
	return nil
}

// forbid takes the label from a namespace.
func forbid(ctx context.Context, s *scene) error {
	mark := s.sight.now()
	if err := s.shown(ctx, "label", "namespace", forbidden, "cert-manager-tls-"); err != nil {
		return err
	}
	label, err := s.sight.first(ctx, mark, "the namespace without its label", labelled(forbidden, false))
	if err != nil {
		return err
	}
	taken, err := s.sight.first(ctx, mark, "the end of "+copyIn(forbidden), gone(copyIn(forbidden)))
	if err != nil {
		return err
	}
	s.tell.effect(taken.at.Sub(label.at), "the copy is gone")
	return nil
}

// The short life of the certificate whose end the story waits for. A lifetime under ten days is renewed at its half, up
// to a twentieth earlier.
const (
	shortLife = 30 * time.Second
	lived     = 7 * time.Second // of it are over when the certificate is ordered
)

// renew has the CA issue a certificate that will come near its end in a few seconds, and waits until another has taken
// its place.
func renew(ctx context.Context, s *scene) error {
	s.tell.remark("A certificate of 90 days is renewed when 30 are left, and nobody can wait for that here. So the CA will make the")
	s.tell.remark("next one for %s, %s of them over. The administrator has it ordered by asking for another type of key.",
		shortLife, lived)
	shortenNext(s.stage.CA)
	mark := s.sight.now()
	if err := s.shown(ctx, "-n", home, "patch", "secret", issuerName, "--type=merge", "-p", `{"stringData":{"keyType":"ec384"}}`); err != nil {
		return err
	}
	asked, err := s.sight.first(ctx, mark, "the issuer's new key type", secret(home+"/"+issuerName, nil))
	if err != nil {
		return err
	}
	stored, short, err := s.stored(ctx, mark, s.serial)
	if err != nil {
		return err
	}
	afterwards := s.sight.now()
	s.tell.effect(stored.at.Sub(asked.at), "ordered with a key of the new type: valid until %s", short.Annotations["wildcast.dev/not-after"])
	all, err := s.arrived(ctx, mark, short, holders())
	if err != nil {
		return err
	}
	s.tell.effect(all.at.Sub(stored.at), "all %d copies have followed", len(holders()))
	return s.renewed(ctx, afterwards, short)
}

// shortenNext has the CA make the certificate of the next order a short one, and of that one only. The CA says no more
// when to renew: of so short a life it would suggest all.
func shortenNext(ca *acmetest.CA) {
	ca.Answer(acmetest.StepRenewalInfo, acmetest.Problem{Status: http.StatusNotFound})
	before := ca.OrderCount()
	ca.SetValidity(-lived, shortLife)
	ca.After(func(step string) {
		if step == acmetest.StepNewOrder && ca.OrderCount() > before { // and was not just a nonce refused
			ca.SetValidity(0, 0)
		}
	})
}

// renewed waits until the certificate is due, is renewed, and its copies have followed. The mark is from before that.
func (s *scene) renewed(ctx context.Context, mark int, short *corev1.Secret) error {
	due, err := time.Parse(time.RFC3339, short.Annotations["wildcast.dev/renew-at"])
	if err != nil {
		return fmt.Errorf("read when the certificate is due: %w", err)
	}
	s.tell.remark("It is due at %s, in %s.", due.Format(time.TimeOnly), brief(time.Until(due)))
	done, fresh, err := s.stored(ctx, mark, short.Annotations["wildcast.dev/serial"])
	if err != nil {
		return err
	}
	if done.at.Before(due) {
		return fmt.Errorf("it was renewed %s too early", due.Sub(done.at))
	}
	s.tell.effect(done.at.Sub(due), "it was due, and is renewed: valid until %s", fresh.Annotations["wildcast.dev/not-after"])
	all, err := s.arrived(ctx, mark, fresh, holders())
	if err != nil {
		return err
	}
	s.tell.effect(all.at.Sub(done.at), "all %d copies have followed", len(holders()))
	if _, err := verify(fresh, s.root(), "wiki."+domain); err != nil {
		return err
	}
	s.serial = fresh.Annotations["wildcast.dev/serial"]
	s.tell.proof("%s, revision %s, leads to the CA's root too", certificate, fresh.Annotations["wildcast.dev/revision"])
	return s.expectOrders(3)
}

// count tells what the story has cost the CA and the API server.
func count(_ context.Context, s *scene) error {
	why := []string{"the first Ingress", "the new type of key", "the renewal"}
	for i, order := range s.stage.CA.Orders() {
		s.tell.remark("order %d at the CA: %s (%s)", i+1, strings.Join(order.Names, ", "), why[min(i, len(why)-1)])
	}
	requests, err := s.cluster.Requests(nil)
	if err != nil {
		return err
	}
	by := map[string]int{}
	for _, r := range requests {
		by[r.Verb+" "+r.Resource]++
		if r.Code >= 500 || r.Code == 403 {
			return fmt.Errorf("the API server answered a request of wildcast with an error: %s", r)
		}
	}
	var parts []string
	for _, what := range []string{"create secrets", "update secrets", "delete secrets", "get secrets", "create events", "patch events"} {
		parts = append(parts, fmt.Sprintf("%s %d", what, by[what]))
	}
	s.tell.remark("wildcast's requests to the API server: %s", strings.Join(parts, ", "))
	if left := s.stage.DNS.Records(); len(left) > 0 {
		return fmt.Errorf("TXT records are left in the DNS: %v", slices.Clip(left))
	}
	s.tell.proof("no TXT record is left in the DNS, and nothing was refused by RBAC")
	return s.expectOrders(3)
}
