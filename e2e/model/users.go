package model

import (
	"context"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/stage"
)

// Users change a cluster, and note in World what they have changed. They do one thing at a time.
type Users struct {
	World *World
	// Awake makes sure that wildcast runs, when it is time to rest.
	Awake func(context.Context) error
	// Journal is what was done, a line each.
	Journal []string
	// Done is how often each verb has come to something.
	Done map[string]int

	kube kubernetes.Interface
	kind Kind
	calm calm
}

// Begin takes a cluster as it is for the users' own work, and waits until wildcast is at rest. There must be no source
// in disorder yet. Cluster is its name, as wildcast was told it.
func Begin(ctx context.Context, kube kubernetes.Interface, kind Kind, cluster string, awake func(context.Context) error) (*Users, error) {
	u := &Users{kube: kube, kind: kind, Awake: awake, Done: map[string]int{}, World: &World{
		Cluster: cluster, Namespaces: map[string]map[string]string{}, Full: map[string]bool{},
		Objects: map[Place]Object{}, Kept: map[Place]Object{}, Dressed: map[Place]Dress{}, Shared: map[string]bool{},
		past: past{labels: map[string][]map[string]string{}},
	}}
	namespaces, err := kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, n := range namespaces.Items {
		if n.DeletionTimestamp == nil {
			u.noteNamespace(n.Name, n.Labels)
		}
	}
	objects, err := kind.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if _, open := u.World.Namespaces[o.Namespace]; open && !u.World.ours(o) {
			u.World.Objects[o.Place] = o
		}
	}
	return u, u.Settle(ctx)
}

// Leave deletes the namespaces whose names begin so, and all that users have made in them, sources first.
func (u *Users) Leave(ctx context.Context, scene string) error {
	for at, o := range maps.Clone(u.World.Objects) {
		if _, source := u.World.rule(o); !source || !strings.HasPrefix(at.Namespace, scene+"-") {
			continue
		}
		if err := u.remove(ctx, at); err != nil {
			return err
		}
	}
	for name := range maps.Clone(u.World.Namespaces) {
		if !strings.HasPrefix(name, scene+"-") {
			continue
		}
		if err := u.deleteNamespace(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (u *Users) noteNamespace(name string, labels map[string]string) {
	w := u.World
	w.Namespaces[name] = labels
	w.past.labels[name] = append(w.past.labels[name], labels)
	u.calm.disturbNamespace(name)
}

func (u *Users) createNamespace(ctx context.Context, name string, labels map[string]string) error {
	made, err := u.kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{})
	if err == nil {
		u.noteNamespace(name, made.Labels)
	}
	return err
}

// labelNamespace sets a label, or removes it if the value is empty.
func (u *Users) labelNamespace(ctx context.Context, name, key, value string) error {
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, key, value)
	if value == "" {
		patch = fmt.Sprintf(`{"metadata":{"labels":{%q:null}}}`, key)
	}
	now, err := u.kube.CoreV1().Namespaces().Patch(ctx, name, "application/merge-patch+json", []byte(patch), metav1.PatchOptions{})
	if err == nil {
		u.noteNamespace(name, now.Labels)
	}
	return err
}

func (u *Users) deleteNamespace(ctx context.Context, name string) error {
	if err := u.kube.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	u.calm.disturbNamespace(name)
	w := u.World
	delete(w.Namespaces, name)
	delete(w.Full, name)
	for at, o := range w.Objects {
		if at.Namespace == name {
			u.note(&o, nil)
		}
	}
	in := func(at Place) bool { return at.Namespace == name }
	maps.DeleteFunc(w.Kept, func(at Place, _ Object) bool { return in(at) })
	maps.DeleteFunc(w.Dressed, func(at Place, _ Dress) bool { return in(at) })
	return nil
}

// fill forbids new objects in a namespace.
func (u *Users) fill(ctx context.Context, name string) error {
	err := stage.Fill(ctx, u.kube, name, u.kind.Name)
	if err == nil {
		u.World.Full[name] = true
		u.calm.disturbNamespace(name)
	}
	return err
}

func (u *Users) unfill(ctx context.Context, name string) error {
	err := u.kube.CoreV1().ResourceQuotas(name).Delete(ctx, stage.Quota, metav1.DeleteOptions{})
	if err == nil {
		delete(u.World.Full, name)
		u.calm.disturbNamespace(name)
	}
	return err
}

// note takes what the API server has answered to a user's write.
func (u *Users) note(before, after *Object) {
	w := u.World
	for _, o := range []*Object{before, after} {
		if o == nil {
			continue
		}
		u.calm.disturbPlace(o.Place)
		if r, source := w.rule(*o); source {
			u.calm.disturbName(r.name)
		}
		for at, kept := range w.Kept {
			if from, _ := originOf(kept); from.place() == o.Place {
				u.calm.disturbPlace(at)
			}
		}
	}
	if after == nil {
		delete(w.Objects, before.Place)
		delete(w.Kept, before.Place)
		delete(w.Dressed, before.Place)
		return
	}
	u.noteDress(before, *after)
	if !w.ours(*after) {
		w.Objects[after.Place] = *after
		w.past.objects = append(w.past.objects, *after)
		delete(w.Kept, after.Place)
		return
	}
	delete(w.Objects, after.Place)
	w.Kept[after.Place] = *after
	if _, kept := w.keeper(after.Place); !kept {
		delete(w.Kept, after.Place)
	}
}

// noteDress notes the labels and annotations with which a user has left an object.
func (u *Users) noteDress(before *Object, after Object) {
	d := u.World.Dressed[after.Place]
	if before == nil || d.May == nil {
		d.May = map[string]bool{}
	}
	d.UID = after.UID
	if before == nil || !u.World.ours(*before) {
		before = &Object{} // all that is on it is users'
	}
	for _, change := range []struct{ from, to map[string]string }{
		{before.Labels, after.Labels}, {after.Labels, before.Labels},
		{before.Annotations, after.Annotations}, {after.Annotations, before.Annotations},
	} {
		for key, value := range change.to {
			if was, found := change.from[key]; !found || was != value {
				d.May[key] = true
			}
		}
	}
	d.Must = map[string]string{}
	_, source := u.World.rule(after)
	for key, value := range after.Labels {
		if strings.HasPrefix(key, userLabel) {
			d.Must[key] = value
			u.World.Shared[key] = u.World.Shared[key] || source
		}
	}
	u.World.Dressed[after.Place] = d
}
