package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// grid is many sources that select the same namespaces.
type grid struct {
	*world
	process          *wildcast.Process
	sources, targets fields
}

// measureMany counts what a hundred sources cost in a thousand namespaces, a start among their copies, and their end.
func measureMany(ctx context.Context, w *world) error {
	n := 100
	if w.quick {
		n = 10
	}
	targets, err := w.plant(ctx, "many", slices.Min(w.namespaces), nil)
	if err != nil {
		return err
	}
	p, err := w.run(ctx)
	if err != nil {
		return err
	}
	defer p.Stop()
	g := &grid{world: w, process: p, targets: targets}
	for i := range n {
		g.sources = append(g.sources, fmt.Sprintf("many-%d", i))
	}
	if err := g.turn(ctx, "create", g.begin); err != nil {
		return err
	}
	if err := w.restart(ctx, p, g.copies()); err != nil {
		return err
	}
	if err := g.weigh("after a start among them"); err != nil {
		return err
	}
	return g.turn(ctx, "delete", g.unmark)
}

func (g *grid) copies() int { return len(g.sources) * len(g.targets) }

// begin makes the sources, and then has each namespace ask for all of them at once.
func (g *grid) begin(ctx context.Context) error {
	err := each(len(g.sources), g.workers, func(i int) error {
		source := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: g.sources[i], Annotations: map[string]string{"wildcast.dev/sync": "bench=many"}},
			StringData: map[string]string{"password": g.sources[i]},
		}
		_, err := g.admin.CoreV1().Secrets(stage.Home).Create(ctx, source, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	label := []byte(`{"metadata":{"labels":{"bench":"many"}}}`)
	return each(len(g.targets), g.workers, func(i int) error {
		_, err := g.admin.CoreV1().Namespaces().Patch(ctx, g.targets[i], types.MergePatchType, label, metav1.PatchOptions{})
		return err
	})
}

func (g *grid) unmark(ctx context.Context) error {
	patch := []byte(`{"metadata":{"annotations":{"wildcast.dev/sync":"false"}}}`)
	return each(len(g.sources), g.workers, func(i int) error {
		_, err := g.admin.CoreV1().Secrets(stage.Home).Patch(ctx, g.sources[i], types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
}

// turn makes a change, waits until wildcast has written every copy, and prints what that has cost.
func (g *grid) turn(ctx context.Context, verb string, change func(context.Context) error) error {
	start := time.Now()
	if err := change(ctx); err != nil {
		return err
	}
	written := func(r cluster.Request) bool { return gridCopies(r) && r.Verb == verb && r.Code < 300 }
	last, err := g.await(ctx, start, g.copies(), written)
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	if err := g.calm(ctx, ours, 2*time.Second); err != nil {
		return err
	}
	if err := g.requests(start, verb); err != nil {
		return err
	}
	g.report.remark("%.0f copies a second", float64(g.copies())/last.Sub(start).Seconds())
	return g.weigh("when all was done")
}

// gridCopies are wildcast's requests about the copies.
func gridCopies(r cluster.Request) bool { return inGrid(r) && r.Namespace != stage.Home }

// inGrid are those about the copies and their sources.
func inGrid(r cluster.Request) bool {
	return ours(r) && r.Resource == "secrets" && strings.HasPrefix(r.Name, "many-")
}

func (g *grid) requests(since time.Time, verb string) error {
	for _, figure := range []struct {
		name   string
		budget float64
		count  match
		per    int
	}{
		{"writes-per-copy", 1, match(gridCopies).and(writes), g.copies()},
		{"reads-of-copies", 0, match(gridCopies).and(reads), 1},
		{"reads-per-source", 1, match(inGrid).and(in(stage.Home)).and(reads), len(g.sources)},
		{"lists", 0, match(ours).and(cluster.Request.Lists), 1},
	} {
		n, err := g.count(since, figure.count)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("many-%s-%d-copies-%s", verb, g.copies(), figure.name)
		g.report.atMost(figure.budget, "requests", name, float64(n)/float64(figure.per))
	}
	return nil
}

// weigh tells wildcast's memory.
func (g *grid) weigh(when string) error {
	now, err := g.process.RSS()
	if err != nil {
		return err
	}
	peak, err := g.process.PeakRSS()
	g.report.remark("resident memory %s: %.0f MiB, at most %.0f MiB", when, float64(now)/mib, float64(peak)/mib)
	return err
}
