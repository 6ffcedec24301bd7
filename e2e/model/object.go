package model

import (
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Place is the namespace and name of an object.
type Place = types.NamespacedName

// Object is an object of a kind that is reflected, of whichever kind.
type Object struct {
	Place
	UID, ResourceVersion string
	Created              time.Time
	Labels, Annotations  map[string]string
	Content
}

// Content is what an object carries. Secrets have no Binary, ConfigMaps no Type.
type Content struct {
	Type         string
	Immutable    bool
	Data, Binary map[string]string
}

// has reports whether there is a key of that name.
func (c Content) has(key string) bool {
	_, text := c.Data[key]
	_, binary := c.Binary[key]
	return text || binary
}

func (o Object) clone() Object {
	for _, m := range []*map[string]string{&o.Labels, &o.Annotations, &o.Data, &o.Binary} {
		if *m = maps.Clone(*m); *m == nil {
			*m = map[string]string{}
		}
	}
	return o
}

// object is an object with that metadata.
func object(meta metav1.ObjectMeta, c Content) Object {
	return Object{
		Place: Place{Namespace: meta.Namespace, Name: meta.Name},
		UID:   string(meta.UID), ResourceVersion: meta.ResourceVersion, Created: meta.CreationTimestamp.Time,
		Labels: meta.Labels, Annotations: meta.Annotations, Content: c,
	}
}

// meta is the metadata with which an object is written.
func (o Object) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: o.Namespace, Name: o.Name, UID: types.UID(o.UID), ResourceVersion: o.ResourceVersion,
		Labels: o.Labels, Annotations: o.Annotations,
	}
}
