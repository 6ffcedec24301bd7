package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

const (
	// latencyRatio is how much longer than a bare order it may take until the Secret is in the Ingress's namespace:
	// the order is recorded three times, stored and copied, one write after the other.
	latencyRatio = 4
	// copiesEach are under the certificate's own name and under the one that the Ingress gives.
	copiesEach = 2
)

// measureLatency makes Ingresses one after another, each with a domain of its own, and counts what a certificate costs.
// Bare orders are made in between; wildcast then has nothing to do.
func measureLatency(ctx context.Context, w *world) (err error) {
	n := 30
	if w.quick {
		n = 10
	}
	wild, bare := domainsOf("wild", n+1), domainsOf("bare", n+1)
	a, err := w.acme(ctx, "latency", slices.Concat(wild, bare))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.end(ctx)) }()
	p, err := w.run(ctx)
	if err != nil {
		return err
	}
	defer p.Stop()
	return a.latencies(ctx, p, wild, bare)
}

func (a *acme) latencies(ctx context.Context, p *wildcast.Process, wild, bare []string) error {
	var took, base []time.Duration
	var requests int
	for i := range wild {
		asked, cost, err := a.request(ctx, fmt.Sprintf("latency-%d", i), wild[i])
		if err != nil {
			return err
		}
		start := time.Now()
		if err := a.order(ctx, bare[i]); err != nil {
			return err
		}
		if i == 0 { // both have started their DNS child
			continue
		}
		took, base, requests = append(took, asked), append(base, time.Since(start)), requests+cost
	}
	wanted, ordered := milliseconds(took), milliseconds(base)
	a.report.atMost(latencyRatio, "ratio", "ingress-to-secret-p50-to-bare-order", median(wanted)/median(ordered))
	a.report.atMost(max(150, latencyRatio*median(ordered)), "ms", "ingress-to-secret-p50", median(wanted))
	a.report.remark("p99 %.0f ms; a bare order: p50 %.0f ms, p99 %.0f ms", quantile(wanted, 0.99), median(ordered), quantile(ordered, 0.99))
	a.report.atMost(10, "requests", "requests-per-certificate-less-copies", float64(requests)/float64(len(took))-copiesEach)
	return nil
}

// request makes an Ingress, and returns how long it took until its Secret was written, and how many requests there were
// until all was quiet.
func (a *acme) request(ctx context.Context, namespace, domain string) (took time.Duration, requests int, err error) {
	if err := a.permit(ctx, namespace, domain); err != nil {
		return 0, 0, err
	}
	if err := a.settled(ctx, fields{namespace}); err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if err := a.ask(ctx, namespace, domain, "", annotated); err != nil {
		return 0, 0, err
	}
	stored, err := a.await(ctx, start, 1, done("create", secretName).and(ours).and(in(namespace)))
	if err != nil {
		return 0, 0, err
	}
	if err := a.calm(ctx, ours, 300*time.Millisecond); err != nil {
		return 0, 0, err
	}
	requests, err = a.count(start, match(ours).and(func(r cluster.Request) bool { return r.Verb != "watch" }))
	return stored.Sub(start), requests, err
}
