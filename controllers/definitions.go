package controllers

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
)

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// find tells, again and again, which version of the kind is served that is understood, empty for none, until ctx ends.
//
// The kind's CustomResourceDefinition is watched, by its name: that costs nothing while it does not change. A Role permits no
// look at it; so where namespaces are watched by themselves, it is asked every few minutes which versions are served, as
// anybody may. So it is at each attempt to watch that fails.
func (g *gateways) find(ctx context.Context, served chan<- string) {
	tell := func(version string) {
		select {
		case served <- version:
		case <-ctx.Done():
		}
	}
	if _, all := g.parts[metav1.NamespaceAll]; !all {
		g.poll(ctx, tell)
		return
	}
	said := false
	lw := g.patiently(g.source.dynamic.Resource(definitions), fields.OneTermEqualSelector("metadata.name", g.resource.String()).String(),
		func(err error) {
			if err == nil {
				return
			}
			if apierrors.IsForbidden(err) && !said {
				said = true
				g.log.Error("Could not watch a definition, and asks every minute whether there is one: apply the roles of this version of wildcast",
					zap.Stringer("resource", g.resource), zap.Error(err))
			}
			_ = g.ask(ctx, tell) // it is tried again
		})
	reflect(ctx, "definition of "+g.resource.String(), lw, definition{tell})
}

// definition is the store behind the watch of a kind's definition.
type definition struct{ tell func(version string) }

func (d definition) Add(o any) error {
	d.tell(servedVersion(o.(*unstructured.Unstructured)))
	return nil
}
func (d definition) Update(o any) error { return d.Add(o) }
func (d definition) Delete(any) error   { d.tell(""); return nil }
func (d definition) Resync() error      { return nil }

func (d definition) Replace(list []any, _ string) error {
	if len(list) == 0 {
		return d.Delete(nil)
	}
	return d.Add(list[0])
}

// servedVersion is the version of a definition's kind that is read, empty for none: one that is served, of a definition whose
// names the API server has taken.
func servedVersion(crd *unstructured.Unstructured) string {
	var of struct {
		Spec struct {
			Versions []struct {
				Name   string `json:"name"`
				Served bool   `json:"served"`
			} `json:"versions"`
		} `json:"spec"`
		Status struct {
			Conditions []struct {
				Type   string `json:"type"`
				Status string `json:"status"`
			} `json:"conditions"`
		} `json:"status"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(crd.Object, &of); err != nil {
		return ""
	}
	established := false
	for _, c := range of.Status.Conditions {
		established = established || c.Type == "Established" && c.Status == "True"
	}
	for _, version := range gatewayVersions {
		for _, v := range of.Spec.Versions {
			if established && v.Served && v.Name == version {
				return version
			}
		}
	}
	return ""
}

// pollEvery is how long it may take, where definitions cannot be watched, until it is noticed that a kind is served.
const pollEvery = 5 * time.Minute

// poll asks which version is served. While the API server does not answer, it asks more often.
func (g *gateways) poll(ctx context.Context, tell func(version string)) {
	for retry := time.Second; ; {
		wait := pollEvery
		if g.ask(ctx, tell) != nil {
			wait, retry = retry, min(2*retry, time.Minute)
		} else {
			retry = time.Second
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// ask tells which version is served, if the API server says so.
func (g *gateways) ask(ctx context.Context, tell func(version string)) error {
	version, err := g.discover(ctx)
	if err == nil {
		tell(version)
		return nil
	}
	if ctx.Err() == nil {
		for _, part := range g.parts {
			part.unserved(err)
		}
	}
	return err
}

// discover asks which version is served that is understood, the preferred one first.
func (g *gateways) discover(ctx context.Context) (version string, err error) {
	for _, version := range gatewayVersions {
		list, err := g.source.discovery.ServerResourcesForGroupVersionWithContext(ctx, g.resource.Group+"/"+version)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == g.resource.Resource }) {
			return version, nil
		}
	}
	return "", nil
}

// reflect keeps a store like what is listed and watched until ctx ends.
func reflect(ctx context.Context, name string, lw cache.ListerWatcher, store cache.ReflectorStore) {
	cache.NewReflectorWithOptions(lw, &unstructured.Unstructured{}, store, cache.ReflectorOptions{Name: name}).RunWithContext(ctx)
}

// patiently lists and watches, and waits where the API server knows of no such kind or permits no look at it: a definition
// may be going, or on its way to another server, and rights may be given later. tried is told how each attempt went.
func (g *gateways) patiently(client dynamic.ResourceInterface, fieldSelector string, tried func(error)) cache.ListerWatcher {
	try := func(ctx context.Context, request func() error) error {
		for wait := time.Second; ; wait = min(2*wait, time.Minute) {
			err := request()
			if ctx.Err() != nil {
				return err
			}
			tried(err)
			if !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) {
				return err
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = fieldSelector
			var list *unstructured.UnstructuredList
			err := try(ctx, func() (err error) { list, err = client.List(ctx, o); return err })
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (w watch.Interface, err error) {
			o.FieldSelector = fieldSelector
			err = try(ctx, func() (err error) { w, err = client.Watch(ctx, o); return err })
			if ctx.Err() != nil && w == nil {
				return watch.NewFake(), nil // nothing is wrong, and nothing comes any more
			}
			return w, err
		},
	}, g.source.dynamic)
}
