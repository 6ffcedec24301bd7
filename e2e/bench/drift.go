package main

import (
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/wildcast/wildcast/e2e/stage"
)

// driftRatio is how much longer than a bare watch and update a repair may take: a watch of metadata makes it read the
// copy before it writes.
const driftRatio = 3

// measureDrift measures how soon a copy that somebody has changed is as it was.
func measureDrift(ctx context.Context, w *world) error {
	n := 40
	if w.quick {
		n = 20
	}
	targets, err := w.plant(ctx, "drift", n, map[string]string{"bench": "drift"})
	if err != nil {
		return err
	}
	f := &fanout{world: w, targets: targets}
	if err := f.mark(ctx, "drift", "bench=drift"); err != nil {
		return err
	}
	var repaired, bare []time.Duration
	for range w.rounds {
		if err := f.wildcastRepairs(ctx, &repaired); err != nil {
			return err
		}
		if err := f.bareRepairs(ctx, &bare); err != nil {
			return err
		}
	}
	took, base := milliseconds(repaired), milliseconds(bare)
	w.report.atMost(driftRatio, "ratio", "drift-repaired-p50", median(took)/median(base))
	w.report.atMost(max(100, driftRatio*quantile(base, 0.99)), "ms", "drift-repaired-p99", quantile(took, 0.99))
	w.report.remark("p50 %.1f ms; a bare watch and update: p50 %.1f ms, p99 %.1f ms", median(took), median(base), quantile(base, 0.99))
	return nil
}

func (f *fanout) wildcastRepairs(ctx context.Context, times *[]time.Duration) error {
	p, err := f.run(ctx)
	if err != nil {
		return err
	}
	defer p.Stop()
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, namespace := range f.targets {
		err := stage.Until(limited, func() error {
			_, err := f.admin.CoreV1().Secrets(namespace).Get(ctx, "drift", metav1.GetOptions{})
			return err
		})
		if err != nil {
			return err
		}
	}
	return f.disturbAll(ctx, ours, "drift", times)
}

// bareRepairs lets a loop that watches and updates do the same. It knows what should be there.
func (f *fanout) bareRepairs(ctx context.Context, times *[]time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	data, err := pair()
	if err != nil {
		return err
	}
	for _, namespace := range f.targets {
		twin := &corev1.Secret{Type: corev1.SecretTypeTLS, Data: data, ObjectMeta: metav1.ObjectMeta{
			Name: "twin", Labels: map[string]string{"bench": "twin"}}}
		if _, err := f.bare.CoreV1().Secrets(namespace).Create(ctx, twin, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	informer := coreinformers.NewFilteredSecretInformer(f.bare, "", 0, nil, func(o *metav1.ListOptions) { o.LabelSelector = "bench=twin" })
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: func(_, now any) { restore(ctx, f.bare, now.(*corev1.Secret), data) }})
	if err != nil {
		return err
	}
	go informer.RunWithContext(ctx)
	if !cache.WaitFor(ctx, "", informer.HasSyncedChecker()) {
		return ctx.Err()
	}
	if err := f.disturbAll(ctx, bares, "twin", times); err != nil {
		return err
	}
	return each(len(f.targets), f.workers, func(i int) error {
		return f.bare.CoreV1().Secrets(f.targets[i]).Delete(ctx, "twin", metav1.DeleteOptions{})
	})
}

// restore is the bare loop's reconciler. What it cannot restore is missed by the one who waits for it.
func restore(ctx context.Context, kube kubernetes.Interface, now *corev1.Secret, data map[string][]byte) {
	if len(now.Data) == len(data) {
		return
	}
	mended := now.DeepCopy()
	mended.Data = data
	_, _ = kube.CoreV1().Secrets(now.Namespace).Update(ctx, mended, metav1.UpdateOptions{})
}

// disturbAll changes one copy after another and notes how long each took to be repaired, from when the change was
// answered.
func (f *fanout) disturbAll(ctx context.Context, who match, name string, times *[]time.Duration) error {
	for _, namespace := range f.targets {
		secrets := f.admin.CoreV1().Secrets(namespace)
		there, err := secrets.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		there.Data = maps.Clone(there.Data)
		there.Data["foreign"] = []byte("here")
		start := time.Now()
		if _, err := secrets.Update(ctx, there, metav1.UpdateOptions{}); err != nil {
			return err
		}
		changed := time.Now()
		mended, err := f.await(ctx, start, 1, done("update", name).and(who).and(in(namespace)))
		if err != nil {
			return fmt.Errorf("wait for repair in %s: %w", namespace, err)
		}
		*times = append(*times, mended.Sub(changed))
	}
	return nil
}
