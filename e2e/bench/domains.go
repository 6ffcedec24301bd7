package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/stage"
)

// distance is how long the CA takes for each of an order's five answers, a short one for a public CA.
const distance = 100 * time.Millisecond

// look is how long the CA takes to look at a challenge: what Pebble takes on average to be like a public CA, which looks
// from several places, unless its pauses are switched off.
const look = 2 * time.Second

// ordersAtOnce is how many certificates wildcast works on at once, so that the bare side does too.
const ordersAtOnce = 64

// measureDomains has many domains certified at once: by a CA that looks at challenges as a public one does, and by one
// that looks at once. That one's orders take less than the writes that record, store and copy the certificates, without
// which nothing is left of them: they are compared with orders that are kept.
func measureDomains(ctx context.Context, w *world) error {
	public, err := w.domainsAt(ctx, "public", look)
	if err != nil {
		return err
	}
	w.report.atLeast(0.8, "ratio", fmt.Sprintf("domains-%d-at-once", w.domains), median(public.ratios))
	public.explain(w.report)
	near, err := w.domainsAt(ctx, "near", 0)
	if err != nil {
		return err
	}
	w.report.atLeast(0.8, "ratio", fmt.Sprintf("domains-%d-at-once-kept-near-ca", w.domains), median(near.kept))
	near.explain(w.report)
	return nil
}

// crowd is what was measured at one CA, in each round.
type crowd struct {
	rates  []float64 // certificates a second
	ratios []float64 // to bare orders
	kept   []float64 // to bare orders that are recorded, stored and copied
}

func (c *crowd) explain(r *report) {
	r.remark("%.0f certificates a second; ratios %.2f", median(c.rates), c.ratios)
	r.remark("to bare orders that are recorded, stored and copied: %.2f", c.kept)
}

// domainsAt has the domains certified by a CA of that name, which takes that long to look at a challenge.
func (w *world) domainsAt(ctx context.Context, name string, look time.Duration) (c crowd, err error) {
	var zones []string
	for round := range w.rounds {
		for _, side := range sides() {
			mine := domainsOf(fmt.Sprintf("%s-%s-%d-", name, side, round), w.domains)
			zones = slices.Concat(zones, mine, []string{"first-" + mine[0]})
		}
	}
	a, err := w.acme(ctx, "domains-"+name, zones)
	if err != nil {
		return crowd{}, err
	}
	defer func() { err = errors.Join(err, a.end(ctx)) }()
	for _, step := range []string{acmetest.StepNewOrder, acmetest.StepAuthz, acmetest.StepFinalize, acmetest.StepCert} {
		a.CA.Delay(step, distance)
	}
	a.CA.Delay(acmetest.StepChallenge, distance+look)
	for round := range w.rounds {
		took, err := a.domainsRound(ctx, name, round)
		if err != nil {
			return crowd{}, err
		}
		c.rates = append(c.rates, float64(w.domains)/took["wild"].Seconds())
		c.ratios = append(c.ratios, took["bare"].Seconds()/took["wild"].Seconds())
		c.kept = append(c.kept, took["kept"].Seconds()/took["wild"].Seconds())
	}
	return c, nil
}

// sides are wildcast, bare orders, and bare orders with the writes that keep what comes of them.
func sides() []string { return []string{"wild", "bare", "kept"} }

func (a *acme) domainsRound(ctx context.Context, name string, round int) (took map[string]time.Duration, err error) {
	took = map[string]time.Duration{}
	for i := range sides() {
		side := sides()[(round+i)%len(sides())]
		domains := domainsOf(fmt.Sprintf("%s-%s-%d-", name, side, round), a.domains)
		switch side {
		case "wild":
			took[side], err = a.wildcastDomains(ctx, domains)
		case "bare":
			took[side], err = a.bareDomains(ctx, domains, a.order)
		case "kept":
			took[side], err = a.bareDomains(ctx, domains, a.keptOrder)
		}
		if err != nil {
			return nil, err
		}
	}
	return took, nil
}

// namespaceOf is the namespace that may have a domain's certificate.
func namespaceOf(domain string) string { return strings.ReplaceAll(domain, ".", "-") }

func (a *acme) permitAll(ctx context.Context, domains []string) error {
	all := make(fields, len(domains))
	for i, domain := range domains {
		all[i] = namespaceOf(domain)
	}
	if err := each(len(domains), 32, func(i int) error { return a.permit(ctx, all[i], domains[i]) }); err != nil {
		return err
	}
	return a.settled(ctx, all)
}

// wildcastDomains makes all Ingresses and waits until the last one's Secret is there.
func (a *acme) wildcastDomains(ctx context.Context, domains []string) (time.Duration, error) {
	p, err := a.run(ctx)
	if err != nil {
		return 0, err
	}
	defer p.Stop()
	if err := a.permitAll(ctx, domains); err != nil {
		return 0, err
	}
	// Once before for the DNS child, which stays for as long as it has work.
	first := "first-" + domains[0]
	if _, _, err := a.request(ctx, namespaceOf(first), first); err != nil {
		return 0, err
	}
	start := time.Now()
	err = each(len(domains), 32, func(i int) error { return a.ask(ctx, namespaceOf(domains[i]), domains[i], "", annotated) })
	if err != nil {
		return 0, err
	}
	last, err := a.await(ctx, start, len(domains), done("create", secretName).and(ours))
	return last.Sub(start), err
}

// bareDomains makes as many Ingresses, which ask for nothing, and a bare order as soon as each is there.
func (a *acme) bareDomains(ctx context.Context, domains []string, order func(context.Context, string) error) (time.Duration, error) {
	if err := a.permitAll(ctx, domains); err != nil {
		return 0, err
	}
	if err := a.order(ctx, "first-"+domains[0]); err != nil { // starts the DNS child
		return 0, err
	}
	start := time.Now()
	asked := make(chan string, len(domains))
	var orders errgroup.Group
	for range ordersAtOnce {
		orders.Go(func() error {
			for domain := range asked {
				if err := order(ctx, domain); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := each(len(domains), 32, func(i int) error {
		err := a.ask(ctx, namespaceOf(domains[i]), domains[i], "", nil)
		asked <- domains[i]
		return err
	})
	close(asked)
	if failed := orders.Wait(); err == nil {
		err = failed
	}
	return time.Since(start), err
}

// keptOrder is a bare order with the six writes without which it could not be resumed, and nobody be served: its record is
// made, then gets the order's URL, then the chain; the certificate is stored and copied under two names.
func (a *acme) keptOrder(ctx context.Context, domain string) error {
	data, err := pair()
	if err != nil {
		return err
	}
	home, there := a.bare.CoreV1().Secrets(stage.Home), a.bare.CoreV1().Secrets(namespaceOf(domain))
	named := func(name string) *corev1.Secret {
		return &corev1.Secret{Type: corev1.SecretTypeTLS, Data: data, ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{stage.Label: a.Name}}}
	}
	record, err := home.Create(ctx, named("kept."+domain+".record"), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	for _, step := range []string{"ordered", "issued"} {
		if step == "issued" {
			if err := a.order(ctx, domain); err != nil {
				return err
			}
		}
		record.Annotations = map[string]string{"step": step}
		if record, err = home.Update(ctx, record, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	if _, err := home.Create(ctx, named("kept."+domain), metav1.CreateOptions{}); err != nil {
		return err
	}
	for _, name := range []string{"kept", secretName} {
		if _, err := there.Create(ctx, named(name), metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}
