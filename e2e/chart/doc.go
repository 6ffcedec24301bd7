// Package chart is the suite of the Helm chart, with the real helm, 4 and 3: for the same choices it renders what kustomize renders,
// each value does what it says and nothing else is taken, and what helm installs on a real API server is enough for the
// real wildcast, which keeps its state through upgrades, removals and returns. It runs the commands of docs/install.md.
//
// Its programs are those of e2e/helm and e2e/helm3. The CRDs of the Prometheus operator are files in a module that e2e/crds names.
package chart
