package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/cluster"
)

// sharedRatio is how much longer than a bare order and the bare writes of all copies, one after the other, it may take
// until every Ingress under one domain has its Secret: every Ingress is told in an Event too.
const sharedRatio = 3

// measureShared has many Ingresses under one domain share one order.
func measureShared(ctx context.Context, w *world) error {
	few, many := []int{50, 50}, []int{300, 1500}
	if w.quick {
		many = []int{60, 300}
	}
	a, err := w.acme(ctx, "shared", []string{"few.test", "many.test", "bare.test", "first.test"})
	if err != nil {
		return err
	}
	defer a.end(ctx)
	p, err := w.run(ctx)
	if err != nil {
		return err
	}
	defer p.Stop()
	if _, _, err := a.request(ctx, "first", "first.test"); err != nil { // starts the DNS child
		return err
	}
	if err := a.order(ctx, "bare.test"); err != nil {
		return err
	}
	took, err := a.share(ctx, "few.test", few[0], few[1])
	if err != nil {
		return err
	}
	base, err := a.bareShare(ctx, "few.test", few[0])
	if err != nil {
		return err
	}
	w.report.atMost(sharedRatio, "ratio", "shared-50-ingresses-to-bare", took.Seconds()/base.Seconds())
	w.report.atMost(max(2, sharedRatio*base.Seconds()), "s", "shared-50-ingresses", took.Seconds())
	_, err = a.share(ctx, "many.test", many[0], many[1])
	return err
}

// share makes Ingresses in namespaces, all under one domain, waits until each has its Secret, and returns how long that
// took.
func (a *acme) share(ctx context.Context, domain string, namespaces, ingresses int) (time.Duration, error) {
	where := func(i int) string { return fmt.Sprintf("%s-%d", strings.TrimSuffix(domain, ".test"), i%namespaces) }
	all := make(fields, namespaces)
	for i := range all {
		all[i] = where(i)
	}
	err := each(namespaces, 32, func(i int) error { return a.permit(ctx, all[i], domain) })
	if err != nil {
		return 0, err
	}
	if err := a.settled(ctx, all); err != nil {
		return 0, err
	}
	orders, start := a.CA.OrderCount(), time.Now()
	err = each(ingresses, 32, func(i int) error { return a.ask(ctx, where(i), domain, fmt.Sprintf("-%d", i), annotated) })
	if err != nil {
		return 0, err
	}
	made := func(r cluster.Request) bool {
		return r.Verb == "create" && r.Resource == "secrets" && r.Code < 300 && strings.HasPrefix(r.Name, secretName)
	}
	last, err := a.await(ctx, start, ingresses, match(ours).and(made))
	if err != nil {
		return 0, err
	}
	if err := a.calm(ctx, ours, time.Second); err != nil {
		return 0, err
	}
	took := last.Sub(start)
	a.report.atMost(1, "orders", fmt.Sprintf("shared-%d-ingresses-in-%d-namespaces", ingresses, namespaces), float64(a.CA.OrderCount()-orders))
	return took, a.shareCost(start, took, namespaces+ingresses)
}

// shareCost says what the sharing has cost.
func (a *acme) shareCost(start time.Time, took time.Duration, copies int) error {
	requests, err := a.count(start, ours)
	if err != nil {
		return err
	}
	told, err := a.count(start, match(ours).and(func(r cluster.Request) bool { return r.Resource == "events" }))
	if err != nil {
		return err
	}
	a.report.remark("%.2f s; %d requests for %d copies, %d of them Events", took.Seconds(), requests, copies, told)
	return nil
}

// bareShare makes an order and then two Secrets in each of the domain's namespaces.
func (a *acme) bareShare(ctx context.Context, domain string, namespaces int) (time.Duration, error) {
	data, err := pair()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := a.order(ctx, domain); err != nil {
		return 0, err
	}
	err = each(copiesEach*namespaces, a.workers, func(i int) error {
		secret := &corev1.Secret{Type: corev1.SecretTypeTLS, Data: data, ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("bare-%d", i)}}
		namespace := fmt.Sprintf("%s-%d", strings.TrimSuffix(domain, ".test"), i%namespaces)
		_, err := a.bare.CoreV1().Secrets(namespace).Create(ctx, secret, metav1.CreateOptions{})
		return err
	})
	return time.Since(start), err
}
