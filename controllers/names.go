package controllers

import corev1 "k8s.io/api/core/v1"

// Types of the Secrets that configure wildcast and that hold its state.
const (
	// TypeIssuer marks a Secret that says how certificates are obtained. In the home namespace it serves the whole
	// cluster, elsewhere its own namespace.
	TypeIssuer corev1.SecretType = "wildcast.dev/issuer"
	// TypeSolver marks a Secret with the settings of one account at a DNS vendor.
	TypeSolver corev1.SecretType = "wildcast.dev/dns01"
	// TypeAccount marks a Secret that keeps the key and URL of an ACME account. It is named ISSUER.account.
	TypeAccount corev1.SecretType = "wildcast.dev/account"
	// TypeOrder marks a Secret that keeps the order in flight, or the last one. It is named CERTIFICATE.order.
	TypeOrder corev1.SecretType = "wildcast.dev/order"
)

// Labels and annotations of TLS Secrets.
const (
	// LabelManaged is "true" on each TLS Secret that wildcast issued and renews. Copies do not carry it.
	LabelManaged = "wildcast.dev/managed"
	// AnnotationAltNames lists the certificate's DNS names, comma-separated.
	AnnotationAltNames = "wildcast.dev/alt-names"
	// AnnotationCommonName is the certificate's subject common name. Absent when it has none.
	AnnotationCommonName = "wildcast.dev/common-name"
	// AnnotationCertificateIssuer is the issuer's namespace/name. On an issuer's own Ingresses the same key opts in.
	AnnotationCertificateIssuer = "wildcast.dev/issuer"
	// AnnotationInsteadOf is the namespace/name of the issuer for which AnnotationCertificateIssuer, its fallback, stood in.
	AnnotationInsteadOf = "wildcast.dev/instead-of"
	// AnnotationSerial is the certificate's serial number in hexadecimal.
	AnnotationSerial = "wildcast.dev/serial"
	// AnnotationNotBefore is the start of the certificate's validity, RFC 3339.
	AnnotationNotBefore = "wildcast.dev/not-before"
	// AnnotationNotAfter is the end of the certificate's validity, RFC 3339.
	AnnotationNotAfter = "wildcast.dev/not-after"
	// AnnotationRenewAt is when wildcast renews the certificate, RFC 3339.
	AnnotationRenewAt = "wildcast.dev/renew-at"
	// AnnotationRevision counts the certificates that the Secret has held, from 1.
	AnnotationRevision = "wildcast.dev/revision"
	// AnnotationSync tells the syncer into which namespaces the Secret is copied.
	AnnotationSync = "wildcast.dev/sync"
	// AnnotationTemplate names the labels and annotations that wildcast put on the Secret for those who ask: those go when
	// nobody asks for them any more.
	AnnotationTemplate = "wildcast.dev/template"
	// AnnotationRenew renews the certificate once for each new text. The time will do.
	AnnotationRenew = "wildcast.dev/renew"
	// AnnotationRenewed is the text of AnnotationRenew that the certificate in the Secret was ordered for.
	AnnotationRenewed = "wildcast.dev/renewed"
	// AnnotationAdopt is "true" on a Secret that its owner hands over to wildcast.
	AnnotationAdopt = "wildcast.dev/adopt"
)

// LabelCertificate is "true" on each ConfigMap that is a standing certificate.
const LabelCertificate = "wildcast.dev/certificate"

// LabelSync is "false" on a Namespace that opts out: no copy goes there, so no wildcard is ordered for it.
const LabelSync = "wildcast.dev/sync"

// Annotations of the syncer's copies.
const (
	annotationOrigin = "wildcast.dev/origin"
	annotationTarget = "wildcast.dev/target"
)

// Annotations of Ingresses.
const (
	// AnnotationIssuer opts in. Its value names an issuer Secret in the Ingress's namespace or else the home namespace.
	AnnotationIssuer = "wildcast.dev/issuer"
	// AnnotationTLSACME opts in with the default issuer when it is "true".
	AnnotationTLSACME = "kubernetes.io/tls-acme"
	// AnnotationClusterIssuer and AnnotationNamespaceIssuer are cert-manager's way to opt in.
	AnnotationClusterIssuer   = "cert-manager.io/cluster-issuer"
	AnnotationNamespaceIssuer = "cert-manager.io/issuer"
	// AnnotationCertificate names the shared certificate, instead of the name derived from its domains.
	AnnotationCertificate = "wildcast.dev/certificate"
	// AnnotationWildcard is "false" for a certificate with exactly these hosts, in this namespace, shared with nobody.
	AnnotationWildcard = "wildcast.dev/wildcard"
	// AnnotationKeyType is the type of the certificate's key, instead of the issuer's.
	AnnotationKeyType = "wildcast.dev/key-type"
	// AnnotationDuration is how long the certificate shall last, if the CA can be asked; the issuer's may be shorter.
	AnnotationDuration = "wildcast.dev/duration"
	// AnnotationRenewBefore is how long before its end the certificate is renewed; the issuer's may be longer.
	AnnotationRenewBefore = "wildcast.dev/renew-before"
	// AnnotationProfile is the ACME CA's profile for the certificate, instead of the issuer's.
	AnnotationProfile = "wildcast.dev/profile"
	// AnnotationPreferredChain is the common name of an issuer in the wanted chain, instead of the issuer's.
	AnnotationPreferredChain = "wildcast.dev/preferred-chain"
	// AnnotationDNSNames are more names for the certificates of this Ingress, comma-separated.
	AnnotationDNSNames = "wildcast.dev/dns-names"
	// AnnotationSecretLabels are labels k=v,k2=v2 that are put on the certificate's Secret and kept there.
	AnnotationSecretLabels = "wildcast.dev/secret-labels"
)

// AnnotationSecretNamespace is where the Secrets of an Istio Gateway shall be: in the namespace of the workload that serves
// it, when that is not the Gateway's own.
const AnnotationSecretNamespace = "wildcast.dev/secret-namespace"

// AnnotationChallengeIssuer is the namespace/name of the issuer for whose HTTP-01 challenge a temporary Ingress stands in
// the home namespace. wildcast takes away each Ingress with it that no challenge needs.
const AnnotationChallengeIssuer = "wildcast.dev/http01-issuer"

// Annotations of issuer and solver Secrets and of standing certificates, which carry AnnotationNotAfter and
// AnnotationRenewAt too.
const (
	// AnnotationStatus is Ready or Invalid, or Pending for a standing certificate that is on its way.
	AnnotationStatus = "wildcast.dev/status"
	// AnnotationMessage says what AnnotationStatus means here, and the remedy.
	AnnotationMessage = "wildcast.dev/message"
	// AnnotationAccount is the URL of the issuer's ACME account.
	AnnotationAccount = "wildcast.dev/account"
)

// Values of AnnotationStatus.
const (
	StatusReady   = "Ready"
	StatusInvalid = "Invalid"
	StatusPending = "Pending"
)

// Reasons of Events.
const (
	// On Ingresses and Gateways.
	ReasonRequested            = "Requested"
	ReasonIssued               = "Issued"
	ReasonRenewed              = "Renewed"
	ReasonCutShort             = "CutShort"
	ReasonNamespaceNotSelected = "NamespaceNotSelected"
	ReasonIssuerNotFound       = "IssuerNotFound"
	ReasonIssuerNotReady       = "IssuerNotReady"
	ReasonNotAllowed           = "NotAllowed"
	ReasonWaitingForDNS        = "WaitingForDNS"
	ReasonWaitingForHTTP       = "WaitingForHTTP"
	ReasonOrderFailed          = "OrderFailed"
	ReasonRateLimited          = "RateLimited"
	ReasonInvalidIngress       = "InvalidIngress"
	ReasonNotOurs              = "NotOurs"
	ReasonContested            = "Contested"
	// On Gateways, beside those on Ingresses but the one of its own.
	ReasonInvalidGateway = "InvalidGateway"
	// On standing certificates, beside those on Ingresses.
	ReasonInvalidCertificate = "InvalidCertificate"
	// On issuers and solvers.
	ReasonAccountRegistered = "AccountRegistered"
	ReasonInvalidIssuer     = "InvalidIssuer"
	ReasonInvalidSolver     = "InvalidSolver"
)
