package syncer

// What users write and read. All annotations and labels begin with [Prefix].
const (
	// Prefix begins every name that is ours.
	Prefix = "wildcast.dev/"

	// AnnotationSync on a source makes copies of it: "" or "true" in every namespace, any other text in the
	// namespaces that it selects as a label selector. Absent or "false": no copies.
	AnnotationSync = Prefix + "sync"
	// AnnotationSyncAs on a source is the name of its copies, instead of its own.
	AnnotationSyncAs = Prefix + "sync-as"
	// AnnotationSyncKeys on a source is a comma list of the data keys that are copied, instead of all.
	AnnotationSyncKeys = Prefix + "sync-keys"
	// AnnotationSyncContexts on a source is a comma list of contexts of the kubeconfig of other clusters: a copy goes to
	// each, into the context's namespace, or else the one that the source is in here.
	AnnotationSyncContexts = Prefix + "sync-contexts"
	// AnnotationAdopt with "true" on an object hands it over: it becomes the copy that its name stood in the way
	// of. It is taken away when that has happened.
	AnnotationAdopt = Prefix + "adopt"

	// LabelSync with "false" on a Namespace keeps every copy out of it, whatever a selector says.
	LabelSync = Prefix + "sync"

	// LabelOriginCluster, LabelOriginNamespace and LabelOriginName on a copy say where it came from, for selectors.
	// A value over 63 characters is cut and ends in a hash.
	LabelOriginCluster   = Prefix + "origin.cluster"
	LabelOriginNamespace = Prefix + "origin.namespace"
	LabelOriginName      = Prefix + "origin.name"
	// AnnotationOrigin on a copy names its source, whole: {"namespace","name","uid","resourceVersion"}.
	AnnotationOrigin = Prefix + "origin"
	// AnnotationTarget on a copy is its own namespace/name, and in another cluster context/namespace/name, so that whoever
	// reads it there, or finds that the context leads to this cluster, does not take the copy for one of his own. A clone that somebody makes of a copy elsewhere names
	// another object than itself, and so is not a copy.
	AnnotationTarget = Prefix + "target"
	// AnnotationHash on a copy is the digest of the content that it was given.
	AnnotationHash = Prefix + "hash"
	// AnnotationKept on a copy that was deleted and made again, since its type or immutable content had to change, is a comma
	// list of the labels and annotations that others had put on it. The API server takes them for wildcast's since then.
	AnnotationKept = Prefix + "kept"
)

// Reasons of Events. Those about a source are Events on the source.
const (
	// ReasonInvalidSelector: the sync annotation is no label selector. Copies stay as they are until it is.
	ReasonInvalidSelector = "InvalidSelector"
	// ReasonInvalidSyncAs: the sync-as annotation is no name for an object. Copies stay as they are until it is.
	ReasonInvalidSyncAs = "InvalidSyncAs"
	// ReasonInvalidSyncKeys: the sync-keys annotation names no key that the source has. Copies stay as they are until it does.
	ReasonInvalidSyncKeys = "InvalidSyncKeys"
	// ReasonInvalidSyncContexts: the sync-contexts annotation names no context. Copies stay as they are until it does.
	ReasonInvalidSyncContexts = "InvalidSyncContexts"
	// ReasonUnknownContext: the sync-contexts annotation names a context that the kubeconfig of other clusters does not
	// have. Copies that were made there stay as they are.
	ReasonUnknownContext = "UnknownContext"
	// ReasonTargetNotOurs: an object that is not our copy stands where a copy should be.
	ReasonTargetNotOurs = "TargetNotOurs"
	// ReasonTargetFailed: the API server refused a copy, for instance because of a quota, or another cluster could not be
	// reached.
	ReasonTargetFailed = "TargetFailed"
	// ReasonConflict: an older source wants the same targets.
	ReasonConflict = "Conflict"
	// ReasonLeftByKubed: there is a copy that kubed made, where the source wants none. It is left alone, since it may as
	// well be somebody's own. On the copy itself if its source is no more.
	ReasonLeftByKubed = "LeftByKubed"
	// ReasonKubedRunning: kubed writes over copies that wildcast keeps.
	ReasonKubedRunning = "KubedRunning"
	// ReasonContested: somebody goes on changing a copy, however often it is repaired. It is repaired less and less
	// often until that ends.
	ReasonContested = "Contested"
	// ReasonNotOurs, on an Ingress or a Gateway: an object that is not our copy has the name that it asks for.
	ReasonNotOurs = "NotOurs"
	// ReasonDelivered, on an Ingress or a Gateway: the Secret that it asks for has been made.
	ReasonDelivered = "Delivered"
)

// manager is our name in managedFields.
const manager = "wildcast"

// Names of package controllers that a copy of a certificate's Secret must not carry.
const (
	labelManaged       = Prefix + "managed"     // wildcast renews this very Secret
	annotationRenew    = Prefix + "renew"       // a user wants it renewed now
	labelStanding      = Prefix + "certificate" // a ConfigMap that asks for a certificate, whose marks are for the Secret
	annotationTemplate = Prefix + "template"    // what wildcast put on this very Secret for others
	annotationRenewed  = Prefix + "renewed"     // and that has been done
)

// Kubed's names. A source may be marked with its annotation instead of ours; copies of such a source also carry the others,
// exactly as kubed writes them.
const (
	// AnnotationKubedSync on a source is read as kubed reads it: "" or "true" for every namespace, any other text,
	// "false" too, as a label selector. [AnnotationSync], if there is one, decides instead.
	AnnotationKubedSync = "kubed.appscode.com/sync"
	// AnnotationKubedSyncContexts on a source is read as [AnnotationSyncContexts], which decides if there is one.
	AnnotationKubedSyncContexts = "kubed.appscode.com/sync-contexts"
	// LabelKubedOriginCluster, LabelKubedOriginNamespace and LabelKubedOriginName on a copy say where it came from.
	LabelKubedOriginCluster   = "kubed.appscode.com/origin.cluster"
	LabelKubedOriginNamespace = "kubed.appscode.com/origin.namespace"
	LabelKubedOriginName      = "kubed.appscode.com/origin.name"
	// AnnotationKubedOrigin on a copy has the text of [AnnotationOrigin].
	AnnotationKubedOrigin = "kubed.appscode.com/origin"

	kubedPrefix = "kubed.appscode.com/"
)
