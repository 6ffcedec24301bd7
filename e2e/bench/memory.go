package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
)

// unrelated is the namespace of Secrets that are nobody's business.
const unrelated = "unrelated"

// measureMemory compares a wildcast that has nothing to do with one among many unrelated Secrets. Each is started anew:
// the start, when everything is listed, is when a cache is largest.
func measureMemory(ctx context.Context, w *world) error {
	folder, err := os.MkdirTemp("", "wildcast-installed-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	defer func(built string) { w.programs = built }(w.programs)
	for _, name := range []string{"wildcast", "wildcast-dns01"} {
		if err := install(filepath.Join(w.programs, name), filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	w.programs = folder
	empty, err := w.resident(ctx)
	if err != nil {
		return err
	}
	w.report.atMost(50, "MiB", "memory-idle", empty.idle)
	if err := w.scatter(ctx); err != nil {
		return err
	}
	crowded, err := w.resident(ctx)
	if err != nil {
		return err
	}
	w.report.atMost(25, "MiB", fmt.Sprintf("memory-for-%d-unrelated-secrets", w.secrets), crowded.peak-empty.peak)
	w.report.remark("%.1f MiB at most in an empty cluster, %.1f in this one; idle %.1f", empty.peak, crowded.peak, crowded.idle)
	return each(w.secrets, 32, func(i int) error { // a DeleteCollection of so many takes longer than a request may
		return w.admin.CoreV1().Secrets(unrelated).Delete(ctx, unrelatedName(i), metav1.DeleteOptions{})
	})
}

// install copies a program in pieces of 32 KiB, as those who unpack images do. How much more than what is used of a program
// the kernel maps depends on that: the pieces are those of the page cache. What a linker or a single write leaves there can
// be 15 MiB more.
func install(program, as string) error {
	text, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(as, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	for piece := range slices.Chunk(text, 32<<10) {
		if _, err := file.Write(piece); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	return file.Close()
}

func unrelatedName(i int) string { return fmt.Sprintf("unrelated-%d", i) }

// resident is the memory in MiB of a wildcast: at most since its start, and at most in the first seconds of its work.
type resident struct{ peak, idle float64 }

func (w *world) resident(ctx context.Context) (r resident, err error) {
	p, err := w.run(ctx)
	if err != nil {
		return resident{}, err
	}
	defer p.Stop()
	for range 20 {
		now, err := p.RSS()
		if err != nil {
			return resident{}, err
		}
		r.idle = max(r.idle, float64(now)/mib)
		select {
		case <-ctx.Done():
			return resident{}, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	peak, err := p.PeakRSS()
	r.peak = float64(peak) / mib
	return r, err
}

// scatter makes the unrelated Secrets.
func (w *world) scatter(ctx context.Context) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: unrelated}}
	if _, err := w.admin.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return err
	}
	return each(w.secrets, 32, func(i int) error {
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: unrelatedName(i)},
			Data:       map[string][]byte{"blob": []byte(rand.String(10 << 10))},
		}
		if i%3 == 0 {
			secret.Type = "helm.sh/release.v1"
		}
		_, err := w.admin.CoreV1().Secrets(unrelated).Create(ctx, secret, metav1.CreateOptions{})
		return err
	})
}
