package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/cache"
)

// listedWhole says that an informer's source cannot stream what there is.
type listedWhole struct{}

// IsWatchListSemanticsUnSupported is asked by client-go.
func (listedWhole) IsWatchListSemanticsUnSupported() bool { return true }

// namespaceReader reads Namespaces by their names.
type namespaceReader struct {
	kube       kubernetes.Interface
	unreadable func(name string, err error)
}

// of lists and watches one Namespace. A Role in it permits neither a list nor a watch of Namespaces with a field
// selector, but a GET, and a GET of the path under /api/v1/watch, which the API server has served since its first version
// and calls deprecated since 1.11. If it ever goes, NotFound sends the reflector back to its list: changes are then seen
// at its pace, within a minute.
func (r namespaceReader) of(name string) cache.ListerWatcher {
	var there bool
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, _ metav1.ListOptions) (runtime.Object, error) {
			// There is no resourceVersion of this list: that of the Namespace may be too old to watch from.
			list := &corev1.NamespaceList{}
			ns, err := r.get(ctx, name)
			if there = err == nil; there {
				list.Items = []corev1.Namespace{*ns}
			}
			return list, ignoreNotFound(err)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			w, err := r.watch(ctx, name, o)
			if err != nil || !there || o.ResourceVersion != "" {
				return w, err
			}
			// It begins with what there is now, which does not tell of an end between list and watch.
			if _, err := r.get(ctx, name); apierrors.IsNotFound(err) {
				w.Stop()
				return nil, apierrors.NewResourceExpired("the namespace has just gone")
			}
			return w, nil
		},
	}, listedWhole{})
}

func (r namespaceReader) get(ctx context.Context, name string) (*corev1.Namespace, error) {
	ns, err := r.kube.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		r.unreadable(name, err)
	}
	return ns, err
}

func (r namespaceReader) watch(ctx context.Context, name string, o metav1.ListOptions) (watch.Interface, error) {
	w, err := r.kube.CoreV1().RESTClient().Get().Prefix("watch").Resource("namespaces").Name(name).
		VersionedParams(&o, scheme.ParameterCodec).Watch(ctx)
	if apierrors.IsForbidden(err) {
		r.unreadable(name, err)
	}
	return w, err
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
