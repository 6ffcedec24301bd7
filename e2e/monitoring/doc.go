// Package monitoring proves what administrators watch wildcast with: the alerts and the dashboard in manifests/monitoring.
//
// A real Prometheus, built once from its Go module (e2e/prometheus), scrapes a real wildcast; promtool plays what takes
// hours.
package monitoring
