// Whose CustomResourceDefinitions the suites install, as they are published: see cluster.Published. No package of these
// modules is built.
module github.com/wildcast/wildcast/e2e/crds

go 1.26.0

require (
	istio.io/api v1.31.1
	sigs.k8s.io/gateway-api v1.6.3
)
