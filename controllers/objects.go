package controllers

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Objects are what the Controller's caches hold, for a [Survey]; on every replica, once Synced is done. They must not be
// changed. Of watched namespaces, they are those in the ones that can be read.
func (c *Controller) Objects() Objects {
	namespaces := c.namespaces()
	o := Objects{
		Namespaces: namespaces,
		Ingresses:  c.caches.ingresses.all(),
		Secrets:    slices.Concat(c.caches.issuers.all(), c.caches.solvers.all(), c.caches.orders.all(), c.caches.managed.all()),
		ConfigMaps: c.caches.standing.all(),
		Unread:     c.caches.unreadGateways(),
		read:       c.caches.inGateways(metav1.NamespaceAll),
	}
	if c.joined.watched == 0 {
		return o
	}
	readable := map[string]bool{}
	for _, n := range namespaces {
		readable[n.Name] = true
	}
	o.Ingresses, o.Secrets, o.ConfigMaps = keptIn(readable, o.Ingresses), keptIn(readable, o.Secrets), keptIn(readable, o.ConfigMaps)
	o.read = slices.DeleteFunc(o.read, func(q *request) bool { return !readable[q.by.Namespace] })
	return o
}

func keptIn[T object](namespaces map[string]bool, objects []T) []T {
	return slices.DeleteFunc(objects, func(o T) bool { return !namespaces[o.GetNamespace()] })
}
