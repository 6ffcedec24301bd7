package contexts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
	"github.com/wildcast/wildcast/syncer"
)

// The home cluster, and another one.
var home, other *cluster.Cluster

// importer is the ServiceAccount in the other cluster, of manifests/contexts.
const importer = "wildcast-import"

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, cluster.Options{Audit: true}, func(ctx context.Context, c *cluster.Cluster) error {
		home = c
		var err error
		if other, err = cluster.Start(ctx, cluster.Options{Parent: c.Dir(), AuditUsers: []string{cluster.Username(importer, importer)}}); err != nil {
			return err
		}
		return errors.Join(home.Apply(ctx, "manifests/base"), other.Apply(ctx, "manifests/base"), other.Apply(ctx, "manifests/contexts"))
	}))
}

// patience is how long a scene waits for what should take moments.
const patience = 90 * time.Second

// scene is one test: two clusters with a namespace of its name, and wildcast at home.
type scene struct {
	*testing.T
	kind       string
	name       string
	here, over things
	gate       *gate
	file       string // the kubeconfig
	w          *wildcast.Process
}

// both plays a scene twice: of Secrets, and of ConfigMaps.
func both(t *testing.T, name string, play func(*scene)) {
	for _, kind := range []string{"secret", "configmap"} {
		t.Run(kind, func(t *testing.T) {
			s := open(t, kind, name+"-"+kind)
			s.contexts(nil)
			s.run()
			play(s)
		})
	}
}

// open prepares a scene in which wildcast does not run yet.
func open(t *testing.T, kind, name string) *scene {
	t.Helper()
	s := &scene{T: t, kind: kind, name: name, gate: newGate(t, other.URL())}
	s.here = things{kubernetes.NewForConfigOrDie(home.Admin()), kind}
	s.over = things{kubernetes.NewForConfigOrDie(other.Admin()), kind}
	s.file = filepath.Join(t.TempDir(), "config")
	for _, kube := range []kubernetes.Interface{s.here.kube, s.over.kube} {
		s.until(func() error { // one of an earlier run may still be going
			_, err := kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
			return err
		})
		t.Cleanup(func() {
			_ = kube.CoreV1().Namespaces().Delete(context.Background(), name, metav1.DeleteOptions{})
		})
	}
	return s
}

// kinds are the scene, which is one of Secrets, and the same one of ConfigMaps, with the same wildcast: where it is the
// waiting that takes time, they are played together.
func (s *scene) kinds() []*scene {
	same := *s
	same.kind, same.here.kind, same.over.kind = "configmap", "configmap", "configmap"
	return []*scene{s, &same}
}

// apiKind is what the API server calls the scene's kind.
func (s *scene) apiKind() string {
	if s.kind == "secret" {
		return string(syncer.Secrets)
	}
	return string(syncer.ConfigMaps)
}

// run starts wildcast.
func (s *scene) run(args ...string) {
	s.Helper()
	all := append([]string{"--cluster-name=unicorn", "--contexts-kubeconfig=" + s.file, "--delete-grace=200ms", "--leader-elect=false"}, args...)
	s.w = wildcast.New(s.T, home, wildcast.Options{Args: all})
}

// contexts writes the kubeconfig as a kubelet does, behind a link. It has the contexts "over", which leads through the gate,
// and "self", which leads home into the namespace of the scene.
func (s *scene) contexts(change func(*clientcmdapi.Config)) {
	s.Helper()
	config := clientcmdapi.NewConfig()
	s.context(config, "over", other, importer, importer, "")
	config.Clusters["over"].Server = "https://" + s.gate.address
	s.context(config, "self", home, cluster.HomeNamespace, cluster.ServiceAccount, s.name)
	if change != nil {
		change(config)
	}
	folder, err := os.MkdirTemp(filepath.Dir(s.file), "data")
	s.must(err)
	s.must(clientcmd.WriteToFile(*config, filepath.Join(folder, "config")))
	s.must(os.Symlink(filepath.Join(folder, "config"), s.file+".new"))
	s.must(os.Rename(s.file+".new", s.file))
}

// context adds a context with the rights of a ServiceAccount.
func (s *scene) context(to *clientcmdapi.Config, name string, c *cluster.Cluster, namespace, account, into string) {
	s.Helper()
	path, err := c.KubeconfigFor(s.Context(), namespace, account)
	s.must(err)
	from, err := clientcmd.LoadFromFile(path)
	s.must(err)
	to.Clusters[name], to.AuthInfos[name] = from.Clusters["wildcast"], from.AuthInfos["wildcast"]
	to.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: into}
}

// narrow makes a ServiceAccount in the other cluster that has the rights in one namespace only, which it makes as well.
func (s *scene) narrow(namespace string) {
	s.Helper()
	meta := metav1.ObjectMeta{Name: "narrow", Namespace: namespace}
	_, err := s.over.kube.CoreV1().Namespaces().Create(s.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	s.must(err)
	_, err = s.over.kube.CoreV1().ServiceAccounts(namespace).Create(s.Context(), &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	s.must(err)
	_, err = s.over.kube.RbacV1().RoleBindings(namespace).Create(s.Context(), &rbacv1.RoleBinding{ObjectMeta: meta,
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: importer},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "narrow"}}}, metav1.CreateOptions{})
	s.must(err)
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// until waits until condition returns no error.
func (s *scene) until(condition func() error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	s.must(stage.Until(ctx, condition))
}

type place = types.NamespacedName

// at is a place in the namespace of the scene, which there is in both clusters.
func (s *scene) at(name string) place { return place{Namespace: s.name, Name: name} }

// thing is a Secret or ConfigMap.
type thing struct {
	metav1.ObjectMeta
	data map[string]string
}

// things are those of one kind in a cluster.
type things struct {
	kube kubernetes.Interface
	kind string
}

func (x things) get(ctx context.Context, at place) (*thing, error) {
	if x.kind == "secret" {
		o, err := x.kube.CoreV1().Secrets(at.Namespace).Get(ctx, at.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		data := map[string]string{}
		for key, value := range o.Data {
			data[key] = string(value)
		}
		return &thing{o.ObjectMeta, data}, nil
	}
	o, err := x.kube.CoreV1().ConfigMaps(at.Namespace).Get(ctx, at.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	data := orEmpty(o.Data)
	for key, value := range o.BinaryData {
		data[key] = string(value)
	}
	return &thing{o.ObjectMeta, data}, nil
}

// put makes or replaces a thing. What is no text goes into a ConfigMap's binaryData.
func (x things) put(ctx context.Context, o *thing) (err error) {
	secret := &corev1.Secret{ObjectMeta: o.ObjectMeta, Data: map[string][]byte{}}
	config := &corev1.ConfigMap{ObjectMeta: o.ObjectMeta, Data: map[string]string{}, BinaryData: map[string][]byte{}}
	for key, value := range o.data {
		secret.Data[key] = []byte(value)
		if utf8.ValidString(value) {
			config.Data[key] = value
		} else {
			config.BinaryData[key] = []byte(value)
		}
	}
	switch made := o.UID != ""; {
	case x.kind == "secret" && made:
		_, err = x.kube.CoreV1().Secrets(o.Namespace).Update(ctx, secret, metav1.UpdateOptions{FieldManager: "user"})
	case x.kind == "secret":
		_, err = x.kube.CoreV1().Secrets(o.Namespace).Create(ctx, secret, metav1.CreateOptions{FieldManager: "user"})
	case made:
		_, err = x.kube.CoreV1().ConfigMaps(o.Namespace).Update(ctx, config, metav1.UpdateOptions{FieldManager: "user"})
	default:
		_, err = x.kube.CoreV1().ConfigMaps(o.Namespace).Create(ctx, config, metav1.CreateOptions{FieldManager: "user"})
	}
	return err
}

func (x things) remove(ctx context.Context, at place) error {
	if x.kind == "secret" {
		return x.kube.CoreV1().Secrets(at.Namespace).Delete(ctx, at.Name, metav1.DeleteOptions{})
	}
	return x.kube.CoreV1().ConfigMaps(at.Namespace).Delete(ctx, at.Name, metav1.DeleteOptions{})
}

// change makes what is at a place in a cluster what do makes of it; what is not there yet is made.
func (s *scene) change(in things, at place, do func(*thing)) *thing {
	s.Helper()
	s.until(func() error {
		o, err := in.get(s.Context(), at)
		if apierrors.IsNotFound(err) {
			o, err = &thing{ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: at.Name}}, nil
			s.Cleanup(func() { _ = in.remove(context.Background(), at) }) // the next scene's wildcast would see it
		}
		s.must(err)
		o.Annotations, o.Labels, o.data = orEmpty(o.Annotations), orEmpty(o.Labels), orEmpty(o.data)
		do(o)
		err = in.put(s.Context(), o)
		if err != nil && !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			s.Fatal(err)
		}
		return err
	})
	o, err := in.get(s.Context(), at)
	s.must(err)
	return o
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// source makes or changes a source of the scene.
func (s *scene) source(name, contexts, value string) *thing {
	s.Helper()
	return s.change(s.here, s.at(name), func(o *thing) {
		o.Annotations[syncer.AnnotationSyncContexts], o.data["key"] = contexts, value
		if contexts == "" {
			delete(o.Annotations, syncer.AnnotationSyncContexts)
		}
	})
}

// copied waits until a copy with that value and no other, of a source of the scene, is at a place in the other cluster.
func (s *scene) copied(source string, at place, value string) *thing {
	s.Helper()
	return s.copiedWith(source, at, map[string]string{"key": value})
}

// copiedWith is copied for any data.
func (s *scene) copiedWith(source string, at place, data map[string]string) (copy *thing) {
	s.Helper()
	s.until(func() (err error) {
		if copy, err = s.over.get(s.Context(), at); err != nil {
			return err
		}
		if !maps.Equal(copy.data, data) || copy.Labels[syncer.LabelOriginName] != source || copy.Labels[syncer.LabelOriginCluster] != "unicorn" {
			return fmt.Errorf("%s %s is %v %v", s.kind, at, copy.data, copy.Labels)
		}
		return nil
	})
	return copy
}

// absent waits until there is nothing at a place in a cluster.
func (s *scene) absent(in things, at place) {
	s.Helper()
	s.until(func() error {
		if _, err := in.get(s.Context(), at); !apierrors.IsNotFound(err) {
			return fmt.Errorf("%s %s: %v", in.kind, at, err)
		}
		return nil
	})
}

// untouched checks that nobody has written or removed a thing in a cluster since.
func (s *scene) untouched(in things, was *thing) {
	s.Helper()
	is, err := in.get(s.Context(), place{Namespace: was.Namespace, Name: was.Name})
	if err != nil || is.UID != was.UID || is.ResourceVersion != was.ResourceVersion {
		s.Errorf("%s/%s was written, and is %v, %v", was.Namespace, was.Name, is, err)
	}
}

// event waits for an Event about a source of the scene whose note has these texts.
func (s *scene) event(source, reason string, texts ...string) {
	s.Helper()
	s.until(func() error {
		all, err := s.here.kube.EventsV1().Events(s.name).List(s.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		var notes []string
	next:
		for _, e := range all.Items {
			if e.Regarding.Kind != s.apiKind() || e.Regarding.Name != source || e.Reason != reason {
				continue
			}
			notes = append(notes, e.Note)
			for _, text := range texts {
				if !strings.Contains(e.Note, text) {
					continue next
				}
			}
			return nil
		}
		return fmt.Errorf("no Event %s on %s with %q, but %q", reason, source, texts, notes)
	})
}

// gauge waits until the metric of that name about the scene's kind and the context "over" is there, once, and has that value.
func (s *scene) gauge(name string, want float64) {
	s.Helper()
	s.until(func() error {
		metrics, err := s.w.Metrics(s.Context())
		if err != nil {
			return err
		}
		if got := metrics.Values(name, "kind", s.apiKind(), "context", "over"); !slices.Equal(got, []float64{want}) {
			return fmt.Errorf("%s of %ss is %v, want %v", name, s.kind, got, want)
		}
		return nil
	})
}

// writes are how many writes wildcast has made in the other cluster for the scene, by verb.
func (s *scene) writes() map[string]int {
	s.Helper()
	requests, err := other.Requests(func(r cluster.Request) bool { return r.Namespace == s.name && r.Resource == s.kind+"s" && r.Write() })
	s.must(err)
	n := map[string]int{}
	for _, r := range requests {
		n[r.Verb]++
	}
	return n
}
