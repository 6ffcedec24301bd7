package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wildcast/wildcast/e2e/cluster"
)

const (
	// latencyRatio is how much longer than a bare order it may take until the Secret is in the Ingress's namespace:
	// the order is recorded three times, stored and copied, one write after the other.
	latencyRatio = 4
	// requestsEach are those for one certificate, Events included, beside one per copy.
	requestsEach = 10
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
	return a.latencies(ctx, wild, bare)
}

func (a *acme) latencies(ctx context.Context, wild, bare []string) error {
	var took, base []time.Duration
	var requests int
	var dearest []cluster.Request
	var cold time.Duration
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
			cold = asked
			continue
		}
		took, base, requests = append(took, asked), append(base, time.Since(start)), requests+len(cost)
		if len(cost) > len(dearest) {
			dearest = cost
		}
	}
	a.printLatency(milliseconds(took), milliseconds(base))
	a.report.remark("the first, which starts the DNS child: %.0f ms", float64(cold.Microseconds())/1000)
	a.report.atMost(requestsEach, "requests", "requests-per-certificate-less-copies", float64(requests)/float64(len(took))-copiesEach)
	if len(dearest) > requestsEach+copiesEach {
		a.report.remark("the dearest: %v", dearest)
	}
	return nil
}

func (a *acme) printLatency(took, base []float64) {
	a.report.atMost(latencyRatio, "ratio", "ingress-to-secret-p50-to-bare-order", median(took)/median(base))
	a.report.atMost(max(150, latencyRatio*median(base)), "ms", "ingress-to-secret-p50", median(took))
	a.report.remark("p99 %.0f ms; a bare order: p50 %.0f ms, p99 %.0f ms", quantile(took, 0.99), median(base), quantile(base, 0.99))
}

// request makes an Ingress, and returns how long it took until its Secret was written, and the requests that there were
// until all was quiet.
func (a *acme) request(ctx context.Context, namespace, domain string) (took time.Duration, cost []cluster.Request, err error) {
	if err := a.permit(ctx, namespace, domain); err != nil {
		return 0, nil, err
	}
	if err := a.settled(ctx, fields{namespace}); err != nil {
		return 0, nil, err
	}
	start := time.Now()
	if err := a.ask(ctx, namespace, domain, "", annotated); err != nil {
		return 0, nil, err
	}
	stored, err := a.await(ctx, start, 1, done("create", secretName).and(ours).and(in(namespace)))
	if err != nil {
		return 0, nil, err
	}
	if err := a.calm(ctx, ours, 300*time.Millisecond); err != nil {
		return 0, nil, err
	}
	notWatch := func(r cluster.Request) bool { return r.Verb != "watch" }
	cost, err = a.cluster.Requests(match(ours).and(notWatch).and(cluster.Since(start)))
	return stored.Sub(start), cost, err
}
