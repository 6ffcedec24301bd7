module github.com/wildcast/wildcast/e2e/operator

go 1.26.0

// The Prometheus operator's CRDs, which are files in its module: the suite of the chart installs two of them. Nothing is
// built, so go mod tidy would remove it.
require github.com/prometheus-operator/prometheus-operator v0.85.0
