package syncer

import (
	"context"
	"errors"
	"reflect"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// watch fills a part of the index with the metadata of the objects in a namespace that a label selector selects, until ctx
// ends.
func (k *keeper) watch(ctx context.Context, into part, namespace, selected string) {
	objects := k.metadata.Resource(k.kind.resource).Namespace(namespace)
	only := func(o metav1.ListOptions) metav1.ListOptions {
		o.FieldSelector, o.LabelSelector = k.kind.selector(), selected
		return o
	}
	begin := func(ctx context.Context, watching func(context.Context) (watch.Interface, error)) (watch.Interface, error) {
		return watching(ctx)
	}
	if k.abroad() {
		begin = beginInTime
	}
	watched := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list, err := objects.List(ctx, only(o))
			k.answered(ctx, namespace, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			w, err := begin(ctx, func(ctx context.Context) (watch.Interface, error) { return objects.Watch(ctx, only(o)) })
			if o.SendInitialEvents == nil || !apierrors.IsInvalid(err) { // an older API server cannot: the reflector lists next
				k.answered(ctx, namespace, err)
			}
			return w, err
		},
	}, k.metadata)
	reflector := cache.NewReflectorWithOptions(watched, &metav1.PartialObjectMetadata{}, into, cache.ReflectorOptions{Name: "syncer", TypeDescription: k.kind.kind.Kind})
	reflector.RunWithContext(ctx)
}

var errUnanswered = errors.New("the server did not answer in time, or broke the connection")

// beginInTime begins a watch, and gives up after a while: client-go tries for minutes at a server that is silent, and then
// gives a watch that has ended instead of an error.
func beginInTime(ctx context.Context, watching func(context.Context) (watch.Interface, error)) (watch.Interface, error) {
	ctx, end := context.WithCancel(ctx)
	late := time.AfterFunc(requestsTake, end)
	w, err := watching(ctx)
	if !late.Stop() || err == nil && reflect.TypeOf(w) == reflect.TypeOf(watch.NewEmptyWatch()) {
		err = errUnanswered
	}
	if err != nil {
		end()
		return nil, err
	}
	return begun{w, end}, nil
}

// begun is a watch with a context of its own.
type begun struct {
	watch.Interface
	end func()
}

func (w begun) Stop() {
	w.Interface.Stop()
	w.end()
}
