package syncer

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
)

// Kind is a kind of object that a [Syncer] reflects.
type Kind string

// What can be reflected.
const (
	Secrets    Kind = "Secret"
	ConfigMaps Kind = "ConfigMap"
)

// Clients are the ways into a cluster.
type Clients struct {
	Kube      kubernetes.Interface // reads objects, and makes and updates copies
	Deletions kubernetes.Interface // deletes copies. Nil: Kube
	Metadata  metadata.Interface   // watches, and reads what is in the way
}

func (c Clients) deletions() kubernetes.Interface {
	if c.Deletions == nil {
		return c.Kube
	}
	return c.Deletions
}

// kinds are what is known of each of them.
var kinds = map[Kind]func(Clients) kind{
	Secrets:    secrets,
	ConfigMaps: configMaps,
}

// ref is the namespace and name of an object.
type ref = types.NamespacedName

// content is an object whole.
type content struct {
	meta metav1.ObjectMeta
	payload
}

// kind is all that the rest of the package needs to know about a kind of object that can be reflected.
type kind struct {
	kind     schema.GroupVersionKind
	resource schema.GroupVersionResource
	never    []string // types of such objects that are neither reflected nor seen

	read   func(context.Context, ref) (content, error)
	create func(context.Context, content) (metav1.ObjectMeta, error)
	update func(context.Context, content) (metav1.ObjectMeta, error)
	remove func(ctx context.Context, state *metav1.ObjectMeta) error // in exactly that state
}

// selector keeps what is never reflected out of the watch.
func (k *kind) selector() string {
	var terms []fields.Selector
	for _, t := range k.never {
		terms = append(terms, fields.OneTermNotEqualSelector("type", t))
	}
	return fields.AndSelectors(terms...).String()
}

// reference names an object of this kind, for Events.
func (k *kind) reference(of ref, uid types.UID) corev1.ObjectReference {
	apiVersion, kind := k.kind.ToAPIVersionAndKind()
	return corev1.ObjectReference{APIVersion: apiVersion, Kind: kind, Namespace: of.Namespace, Name: of.Name, UID: uid}
}

// word is what kubectl calls the kind.
func (k *kind) word() string { return strings.ToLower(k.kind.Kind) }
