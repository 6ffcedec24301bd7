package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/cluster"
)

// sharedRatio is how much longer than a bare order and the bare writes of all copies, one after the other, it may take
// until every Ingress under one domain has its Secret. Each is told in an Event too.
const sharedRatio = 3

// measureShared has many Ingresses under one domain share one order.
func measureShared(ctx context.Context, w *world) (err error) {
	wild, bare := domainsOf("few", w.rounds), domainsOf("bare", w.rounds)
	a, err := w.acme(ctx, "shared", slices.Concat(wild, bare, []string{"many.test", "first.test", "second.test"}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.end(ctx)) }()
	p, err := w.run(ctx)
	if err != nil {
		return err
	}
	defer p.Stop()
	if _, _, err := a.request(ctx, "first", "first.test"); err != nil { // starts the DNS child
		return err
	}
	if err := a.order(ctx, "second.test"); err != nil { // starts the other one
		return err
	}
	if err := a.shareFew(ctx, wild, bare); err != nil {
		return err
	}
	many := []int{300, 1500}
	if w.quick {
		many = []int{60, 300}
	}
	s, err := a.share(ctx, "many.test", many[0], many[1])
	if err == nil {
		s.print(w.report)
	}
	return err
}

// shareFew compares with bare orders and writes.
func (a *acme) shareFew(ctx context.Context, wild, bare []string) error {
	const few = 50
	var took, base, ratios []float64
	var worst *sharing
	for i := range wild {
		s, err := a.share(ctx, wild[i], few, few)
		if err != nil {
			return err
		}
		if worst == nil || s.orders > worst.orders {
			worst = s
		}
		alone, err := a.bareShare(ctx, bare[i], few)
		if err != nil {
			return err
		}
		took, base = append(took, s.took.Seconds()), append(base, alone.Seconds())
		ratios = append(ratios, s.took.Seconds()/alone.Seconds())
	}
	worst.print(a.report)
	a.report.atMost(sharedRatio, "ratio", "shared-50-ingresses-to-bare", median(ratios))
	a.report.atMost(max(2, sharedRatio*median(base)), "s", "shared-50-ingresses", median(took))
	return nil
}

// sharing is what it took until all Ingresses under a domain had their Secrets.
type sharing struct {
	namespaces, ingresses  int
	took                   time.Duration
	orders, requests, told int
}

func (s *sharing) print(r *report) {
	r.atMost(1, "orders", fmt.Sprintf("shared-%d-ingresses-in-%d-namespaces", s.ingresses, s.namespaces), float64(s.orders))
	r.remark("%.2f s; %d requests for %d copies, %d of them Events", s.took.Seconds(), s.requests, s.namespaces+s.ingresses, s.told)
}

// nook is one of the namespaces of the Ingresses under a domain.
func nook(domain string, i int) string { return fmt.Sprintf("%s-%d", namespaceOf(domain), i) }

// nooks makes them.
func (a *acme) nooks(ctx context.Context, domain string, n int) error {
	all := make(fields, n)
	for i := range all {
		all[i] = nook(domain, i)
	}
	if err := each(n, 32, func(i int) error { return a.permit(ctx, all[i], domain) }); err != nil {
		return err
	}
	return a.settled(ctx, all)
}

// share makes Ingresses in namespaces, all under one domain, and waits until each has its Secret.
func (a *acme) share(ctx context.Context, domain string, namespaces, ingresses int) (*sharing, error) {
	if err := a.nooks(ctx, domain, namespaces); err != nil {
		return nil, err
	}
	s := &sharing{namespaces: namespaces, ingresses: ingresses}
	orders, start := a.CA.OrderCount(), time.Now()
	err := each(ingresses, 32, func(i int) error {
		return a.ask(ctx, nook(domain, i%namespaces), domain, fmt.Sprintf("-%d", i), annotated)
	})
	if err != nil {
		return nil, err
	}
	made := func(r cluster.Request) bool {
		return r.Verb == "create" && r.Resource == "secrets" && r.Code < 300 && strings.HasPrefix(r.Name, secretName)
	}
	last, err := a.await(ctx, start, ingresses, match(ours).and(made))
	if err != nil {
		return nil, err
	}
	if err := a.calm(ctx, ours, time.Second); err != nil {
		return nil, err
	}
	s.took, s.orders = last.Sub(start), a.CA.OrderCount()-orders
	if s.requests, err = a.count(start, ours); err != nil {
		return nil, err
	}
	s.told, err = a.count(start, match(ours).and(func(r cluster.Request) bool { return r.Resource == "events" }))
	return s, err
}

// bareShare makes an Ingress in each of a domain's namespaces, which asks for nothing, an order, and two Secrets in each.
func (a *acme) bareShare(ctx context.Context, domain string, namespaces int) (time.Duration, error) {
	if err := a.nooks(ctx, domain, namespaces); err != nil {
		return 0, err
	}
	data, err := pair()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	err = each(namespaces, 32, func(i int) error { return a.ask(ctx, nook(domain, i), domain, "", nil) })
	if err != nil {
		return 0, err
	}
	if err := a.order(ctx, domain); err != nil {
		return 0, err
	}
	err = each(copiesEach*namespaces, a.workers, func(i int) error {
		secret := &corev1.Secret{Type: corev1.SecretTypeTLS, Data: data, ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("bare-%d", i)}}
		_, err := a.bare.CoreV1().Secrets(nook(domain, i%namespaces)).Create(ctx, secret, metav1.CreateOptions{})
		return err
	})
	return time.Since(start), err
}
