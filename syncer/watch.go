package syncer

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// watch fills the index with the metadata of the objects in a namespace that a label selector selects, until ctx ends.
func (k *keeper) watch(ctx context.Context, namespace, selected string) {
	objects := k.metadata.Resource(k.kind.resource).Namespace(namespace)
	only := func(o metav1.ListOptions) metav1.ListOptions {
		o.FieldSelector, o.LabelSelector = k.kind.selector(), selected
		return o
	}
	watched := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list, err := objects.List(ctx, only(o))
			k.answered(ctx, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			w, err := objects.Watch(ctx, only(o))
			k.answered(ctx, err)
			return w, err
		},
	}, k.metadata)
	reflector := cache.NewReflectorWithOptions(watched, &metav1.PartialObjectMetadata{}, k.index, cache.ReflectorOptions{Name: "syncer", TypeDescription: k.kind.kind.Kind})
	reflector.RunWithContext(ctx)
}
