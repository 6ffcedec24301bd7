package chart

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/wildcast"
)

// release is the chart, installed in a namespace, and a wildcast that runs as the Deployment there says.
type release struct {
	*testing.T
	kube      kubernetes.Interface
	namespace string
	w         *wildcast.Process
}

// install installs the chart until the test ends, in a namespace that helm makes.
func install(t *testing.T, namespace string, args ...string) *release {
	t.Helper()
	run(t, append([]string{"install", "wildcast", chart, "--namespace", namespace, "--create-namespace"}, args...)...)
	t.Cleanup(func() { run(t, "uninstall", "wildcast", "--namespace", namespace, "--ignore-not-found") })
	return &release{T: t, kube: kubernetes.NewForConfigOrDie(shared.Admin()), namespace: namespace}
}

func (r *release) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// start runs wildcast with the installed ServiceAccount's token, the Deployment's arguments and its variables. What only a
// Pod has it is given: its namespace, and ports that nobody else has.
func (r *release) start() {
	r.Helper()
	d, err := r.kube.AppsV1().Deployments(r.namespace).Get(r.Context(), "wildcast", metav1.GetOptions{})
	r.must(err)
	spec := d.Spec.Template.Spec
	kubeconfig, err := shared.KubeconfigFor(r.Context(), r.namespace, spec.ServiceAccountName)
	r.must(err)
	container := spec.Containers[0]
	if len(container.Args) != 1 || container.Args[0] != "run" {
		r.Fatalf("the Deployment runs wildcast with %q", container.Args)
	}
	var env []string
	for _, v := range container.Env {
		switch {
		case v.ValueFrom == nil:
			env = append(env, v.Name+"="+v.Value)
		case v.ValueFrom.FieldRef.FieldPath != "metadata.namespace" || v.Name != "POD_NAMESPACE":
			r.Fatalf("the test does not know how to give it %s", v.Name)
		}
	}
	r.w = wildcast.New(r.T, shared, wildcast.Options{
		Name: fmt.Sprintf("%s-%d", strings.ReplaceAll(r.Name(), "/", "_"), d.Generation), Kubeconfig: kubeconfig, Env: env,
		Args: []string{"--namespace=" + r.namespace},
	})
}

// upgrade changes values, and runs wildcast as the Deployment then says, as a rollout would.
func (r *release) upgrade(args ...string) {
	r.Helper()
	run(r.T, append([]string{"upgrade", "wildcast", chart, "--namespace", r.namespace}, args...)...)
	if r.w != nil {
		r.w.Stop()
	}
	r.start()
}

// teams makes namespaces of team web. They stay, since it takes seconds until one has gone, but are of no team and empty
// when the test ends.
func teams(t *testing.T, names ...string) {
	t.Helper()
	kube := kubernetes.NewForConfigOrDie(shared.Admin())
	for _, name := range names {
		_, err := kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
		kubectl(t, "label", "namespace", name, "team=web")
		t.Cleanup(func() {
			kubectl(t, "label", "namespace", name, "team-")
			kubectl(t, "delete", "secrets,ingresses", "--all", "--namespace", name)
		})
	}
}

// source makes a Secret that is copied to the namespaces of team web.
func (r *release) source(name string) {
	r.Helper()
	o := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"wildcast.dev/sync": "team=web"}},
		StringData: map[string]string{"key": name},
	}
	_, err := r.kube.CoreV1().Secrets(r.namespace).Create(r.Context(), o, metav1.CreateOptions{})
	r.must(err)
	r.Cleanup(func() { kubectl(r.T, "delete", "secret", name, "--namespace", r.namespace, "--ignore-not-found") })
}

func (r *release) copied(namespace, name string) {
	r.Helper()
	until(r.T, namespace+"/"+name+" is there", func() error { return r.there(namespace, name) })
}

func (r *release) there(namespace, name string) error {
	o, err := r.kube.CoreV1().Secrets(namespace).Get(r.Context(), name, metav1.GetOptions{})
	if err == nil && string(o.Data["key"]) != name && o.Type != corev1.SecretTypeTLS {
		err = fmt.Errorf("it holds %q", o.Data["key"])
	}
	return err
}

func (r *release) absent(namespace, name string) {
	r.Helper()
	if err := r.there(namespace, name); !apierrors.IsNotFound(err) {
		r.Errorf("Secret %s/%s: %v, want none", namespace, name, err)
	}
}

// state is what every Secret of users and of wildcast is: which object, and its data. Of the record of an order it is the
// key and the chain alone, since wildcast goes on to note there when the CA would have it renewed. helm's own are left out.
func (r *release) state() map[string]string {
	r.Helper()
	all, err := r.kube.CoreV1().Secrets("").List(r.Context(), metav1.ListOptions{})
	r.must(err)
	found := map[string]string{}
	for _, o := range all.Items {
		switch o.Type {
		case "helm.sh/release.v1":
			continue
		case "wildcast.dev/order":
			o.Data = map[string][]byte{"tls.key": o.Data["tls.key"], "tls.crt": o.Data["tls.crt"]}
		}
		found[o.Namespace+"/"+o.Name] = fmt.Sprintf("%s %x", o.UID, sha256.Sum256(fmt.Append(nil, o.Data)))
	}
	return found
}

// unchanged checks that every Secret of then is there as it was.
func (r *release) unchanged(then map[string]string) {
	r.Helper()
	now := r.state()
	for _, name := range slices.Sorted(maps.Keys(then)) {
		if now[name] != then[name] {
			r.Errorf("Secret %s was %s and is %q", name, then[name], now[name])
		}
	}
}

// installed are the kinds and names of what helm has made, as the API server has it.
func (r *release) installed(kinds ...string) []string {
	r.Helper()
	var all []string
	for _, kind := range kinds {
		out := kubectl(r.T, "get", kind, "--all-namespaces", "--selector=app.kubernetes.io/managed-by=Helm", "--output=name")
		all = append(all, strings.Fields(out)...)
	}
	return all
}
