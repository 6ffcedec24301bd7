package lint

import (
	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/syncer"
)

// Names are all labels and annotations of wildcast.
var Names = []string{
	controllers.LabelManaged, controllers.LabelCertificate, controllers.LabelSync,
	controllers.AnnotationAltNames, controllers.AnnotationCommonName, controllers.AnnotationCertificateIssuer,
	controllers.AnnotationSerial, controllers.AnnotationNotBefore, controllers.AnnotationNotAfter, controllers.AnnotationRenewAt,
	controllers.AnnotationRevision, controllers.AnnotationSync, controllers.AnnotationTemplate, controllers.AnnotationRenew,
	controllers.AnnotationRenewed, controllers.AnnotationInsteadOf, controllers.AnnotationAdopt, controllers.AnnotationIssuer, controllers.AnnotationCertificate,
	controllers.AnnotationWildcard, controllers.AnnotationKeyType, controllers.AnnotationDuration,
	controllers.AnnotationRenewBefore, controllers.AnnotationProfile, controllers.AnnotationPreferredChain,
	controllers.AnnotationDNSNames, controllers.AnnotationSecretLabels, controllers.AnnotationSecretNamespace, controllers.AnnotationChallengeIssuer,
	controllers.AnnotationStatus, controllers.AnnotationMessage, controllers.AnnotationAccount,
	syncer.AnnotationSyncAs, syncer.AnnotationSyncKeys, syncer.AnnotationSyncContexts,
	syncer.LabelOriginCluster, syncer.LabelOriginNamespace, syncer.LabelOriginName,
	syncer.AnnotationOrigin, syncer.AnnotationTarget, syncer.AnnotationHash, syncer.AnnotationKept,
}
