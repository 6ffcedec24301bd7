package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// world is the control plane and who uses it.
type world struct {
	*options
	report     *report
	log        io.Writer
	cluster    *cluster.Cluster
	kubeconfig string               // the shipped ServiceAccount's
	admin      kubernetes.Interface // sets up, and is not counted
	bare       kubernetes.Interface // the bare loop's, as the shipped ServiceAccount
	canaries   int
}

// bareAgent tells the bare loop's requests from wildcast's.
const bareAgent = "bare"

// open builds the programs and starts the control plane.
func open(ctx context.Context, o *options, r *report, log io.Writer) (*world, error) {
	if o.programs == "" {
		programs, err := wildcast.Build(ctx, log)
		if err != nil {
			return nil, err
		}
		o.programs = programs
	}
	c, err := cluster.Start(ctx, cluster.Options{Audit: true, Log: log, APIServerFlags: []string{"--profiling=true"}}) // for collect
	if err != nil {
		return nil, err
	}
	w := &world{options: o, report: r, log: log, cluster: c}
	if err := w.connect(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	return w, nil
}

func (w *world) close() { w.cluster.Stop() }

func (w *world) connect(ctx context.Context) (err error) {
	if err := w.cluster.Apply(ctx, "manifests/base"); err != nil {
		return err
	}
	if w.kubeconfig, err = w.cluster.KubeconfigFor(ctx, cluster.HomeNamespace, cluster.ServiceAccount); err != nil {
		return err
	}
	if w.admin, err = kubernetes.NewForConfig(w.cluster.Admin()); err != nil {
		return err
	}
	config, err := cluster.Config(w.kubeconfig)
	if err != nil {
		return err
	}
	config.UserAgent = bareAgent
	config.ContentType = "application/vnd.kubernetes.protobuf"
	w.bare, err = kubernetes.NewForConfig(config)
	return err
}

// collect has the API server collect its garbage, which it does by itself at a moment of its own and takes it as long as
// several hundred copies: in short turns it came every second or third time, often to the same side for many rounds. This
// process, whose log of requests grows, does the same.
func (w *world) collect(ctx context.Context) error {
	runtime.GC()
	return w.admin.CoreV1().RESTClient().Get().AbsPath("/debug/pprof/heap").Param("gc", "1").Do(ctx).Error()
}

// run starts wildcast with its defaults, and returns when it leads and works: it has made a copy.
func (w *world) run(ctx context.Context, args ...string) (*wildcast.Process, error) {
	p, err := wildcast.Start(ctx, wildcast.Options{
		Kubeconfig: w.kubeconfig,
		Programs:   w.programs,
		Dir:        w.cluster.Dir(),
		Args:       append([]string{"--workers=" + strconv.Itoa(w.workers)}, args...),
		// The detector copies and compares every cached object all the time.
		Env: []string{"KUBE_CACHE_MUTATION_DETECTOR=false"},
		Log: w.log,
	})
	if err != nil {
		return nil, err
	}
	if err := w.canary(ctx); err != nil {
		p.Stop()
		return nil, fmt.Errorf("wildcast does not work: %w", err)
	}
	return p, nil
}

// canary waits until a Secret that was made now has been copied, and removes both.
func (w *world) canary(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	w.canaries++
	name := fmt.Sprintf("canary-%d", w.canaries)
	source := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: cluster.HomeNamespace, Name: name,
		Annotations: map[string]string{"wildcast.dev/sync": "kubernetes.io/metadata.name=default"},
	}}
	if _, err := w.admin.CoreV1().Secrets(source.Namespace).Create(ctx, source, metav1.CreateOptions{}); err != nil {
		return err
	}
	copied := func() error {
		_, err := w.admin.CoreV1().Secrets("default").Get(ctx, name, metav1.GetOptions{})
		return err
	}
	if err := stage.Until(ctx, copied); err != nil {
		return err
	}
	source.Annotations = map[string]string{"wildcast.dev/sync": "false"}
	if _, err := w.admin.CoreV1().Secrets(source.Namespace).Update(ctx, source, metav1.UpdateOptions{}); err != nil {
		return err
	}
	err := stage.Until(ctx, func() error {
		if copied() == nil {
			return fmt.Errorf("copy of %s is still there", name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.admin.CoreV1().Secrets(source.Namespace).Delete(ctx, name, metav1.DeleteOptions{})
}
