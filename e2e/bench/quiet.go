package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// The sources that a new namespace meets.
const (
	wanted   = 5 // that select it
	unwanted = 5
)

// measureQuiet counts what wildcast asks for when little or nothing has happened.
func measureQuiet(ctx context.Context, w *world) error {
	targets, err := w.plant(ctx, "quiet", slices.Max(w.namespaces), map[string]string{"bench": "quiet"})
	if err != nil {
		return err
	}
	f := &fanout{world: w, targets: targets}
	p, err := w.run(ctx)
	if err != nil {
		return err
	}
	defer p.Stop()
	if err := f.fill(ctx); err != nil {
		return err
	}
	if err := w.idle(ctx); err != nil {
		return err
	}
	if err := f.newNamespace(ctx); err != nil {
		return err
	}
	return w.restart(ctx, p, len(f.targets))
}

// fill has wildcast make copies everywhere, and some sources that select only the namespace to come.
func (f *fanout) fill(ctx context.Context) error {
	start := time.Now()
	if err := f.mark(ctx, "quiet", "bench=quiet"); err != nil {
		return err
	}
	for i := range wanted {
		if err := f.mark(ctx, fmt.Sprintf("wanted-%d", i), "bench=new"); err != nil {
			return err
		}
	}
	for i := range unwanted {
		if err := f.mark(ctx, fmt.Sprintf("unwanted-%d", i), "bench=never"); err != nil {
			return err
		}
	}
	if _, err := f.await(ctx, start, len(f.targets), done("create", "quiet").and(ours)); err != nil {
		return err
	}
	return f.calm(ctx, ours, 2*time.Second)
}

// idle counts for a while in which nothing happens.
func (w *world) idle(ctx context.Context) error {
	start := time.Now()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(10 * time.Second):
	}
	return w.counts(start, "idle-10s", 0, 0)
}

// counts prints the writes and reads since a moment.
func (w *world) counts(since time.Time, name string, writesBudget, readsBudget float64) error {
	written, err := w.count(since, match(ours).and(writes))
	if err != nil {
		return err
	}
	seen, err := w.count(since, match(ours).and(reads))
	if err != nil {
		return err
	}
	w.report.atMost(writesBudget, "requests", name+"-writes", float64(written))
	w.report.atMost(readsBudget, "requests", name+"-reads", float64(seen))
	return nil
}

// newNamespace counts what one more namespace costs. A source is read for its copy, if it was not lately.
func (f *fanout) newNamespace(ctx context.Context) error {
	start := time.Now()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "newcomer", Labels: map[string]string{"bench": "new"}}}
	if _, err := f.admin.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return err
	}
	inside := func(r cluster.Request) bool { return r.Namespace == ns.Name }
	if _, err := f.await(ctx, start, wanted, match(ours).and(writes).and(inside)); err != nil {
		return err
	}
	if err := f.calm(ctx, ours, time.Second); err != nil {
		return err
	}
	written, err := f.count(start, match(ours).and(writes))
	if err != nil {
		return err
	}
	listed, err := f.count(start, match(ours).and(cluster.Request.Lists))
	if err != nil {
		return err
	}
	f.report.atMost(1, "requests", "new-namespace-writes-per-source", float64(written)/wanted)
	f.report.atMost(0, "requests", "new-namespace-lists", float64(listed))
	return nil
}

// restart counts what a start among so many copies costs, at which nothing has changed.
func (w *world) restart(ctx context.Context, p *wildcast.Process, copies int) error {
	p.Stop()
	start := time.Now()
	if err := p.Restart(ctx); err != nil {
		return err
	}
	ready := time.Since(start)
	if err := leading(ctx, p); err != nil {
		return err
	}
	if err := w.calm(ctx, ours, 3*time.Second); err != nil {
		return err
	}
	written, err := w.count(start, match(ours).and(writes))
	if err != nil {
		return err
	}
	got, err := w.count(start, func(r cluster.Request) bool { return ours(r) && r.Verb == "get" && r.Resource != "" })
	if err != nil {
		return err
	}
	most, err := w.listsPerKind(start)
	if err != nil {
		return err
	}
	w.report.atMost(0, "requests", fmt.Sprintf("restart-%d-copies-writes", copies), float64(written))
	w.report.atMost(0, "requests", fmt.Sprintf("restart-%d-copies-gets", copies), float64(got))
	w.report.atMost(1, "requests", fmt.Sprintf("restart-%d-copies-lists-per-kind", copies), float64(most))
	w.report.remark("ready after %.1f s", ready.Seconds())
	return nil
}

// listsPerKind is how often the most listed kind was listed. What the server selects by type or label is a kind of its
// own.
func (w *world) listsPerKind(since time.Time) (most int, err error) {
	listed, err := w.cluster.Requests(match(ours).and(cluster.Request.Lists).and(cluster.Since(since)))
	if err != nil {
		return 0, err
	}
	kinds := map[string]int{}
	for _, r := range listed {
		uri, err := url.Parse(r.URI)
		if err != nil {
			return 0, err
		}
		kind := r.Resource + " " + uri.Query().Get("fieldSelector") + " " + uri.Query().Get("labelSelector")
		kinds[kind]++
		most = max(most, kinds[kind])
	}
	return most, nil
}

// leading waits until wildcast holds the lease.
func leading(ctx context.Context, p *wildcast.Process) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return stage.Until(ctx, func() error {
		m, err := p.Metrics(ctx)
		if err != nil {
			return err
		}
		if m.Sum("leader_election_master_status") != 1 {
			return fmt.Errorf("wildcast does not lead yet")
		}
		return nil
	})
}
