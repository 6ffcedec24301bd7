package main

import (
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// reports says of watched namespaces that they cannot be read, and how to change that: once, and again every now and then
// while it lasts.
type reports struct {
	home string
	log  *zap.Logger

	mu   sync.Mutex
	last map[string]time.Time
}

// often is how often the same namespace is reported at most. Meanwhile it is tried again every minute or so.
const often = 10 * time.Minute

func newReports(o *options, log *zap.Logger) *reports {
	return &reports{home: o.namespace, log: log, last: map[string]time.Time{}}
}

// unreadable takes the API server's refusal to let a namespace be read.
func (r *reports) unreadable(namespace string, err error) {
	if !r.due(namespace, time.Now()) {
		return
	}
	r.log.Error("Could not read namespace; what is in it stays as it is, and it is tried again",
		zap.String("namespace", namespace), zap.Error(err), zap.String("remedy", r.remedy(namespace, err)))
}

func (r *reports) due(namespace string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, said := r.last[namespace]; said && now.Sub(last) < often {
		return false
	}
	r.last[namespace] = now
	return true
}

// role is the remedy where a right in a namespace is missing.
func role(namespace string) string {
	return fmt.Sprintf("give wildcast's ServiceAccount the Role and RoleBinding of manifests/overlays/namespaces in namespace %s", namespace)
}

// gateways is the remedy where Gateways may not be read, in a namespace or in all under the empty name.
func (r *reports) gateways(namespace string) string {
	if namespace != "" {
		return role(namespace) + ", as this version has them"
	}
	return "apply the ClusterRole wildcast of manifests/base, or of the chart, as this version has it"
}

func (r *reports) remedy(namespace string, err error) string {
	role := role(namespace)
	switch {
	case namespace == r.home:
		return role + "; without its home namespace it does nothing"
	case apierrors.IsNotFound(err):
		return "create the namespace, or drop it from --namespaces"
	}
	return role + ", or drop it from --namespaces"
}
