// Whose CustomResourceDefinitions the suites install, as they are published: see package e2e/internal/definitions. No package of these
// modules is built, so go mod tidy would remove them.
module github.com/wildcast/wildcast/e2e/crds

go 1.26.0

require (
	github.com/prometheus-operator/prometheus-operator v0.85.0
	istio.io/api v1.31.1
	sigs.k8s.io/gateway-api v1.6.3
)
