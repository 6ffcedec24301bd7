// Package contexts is the suite of copies in other clusters: wildcast runs at home with the shipped rights, and reaches a
// second control plane through a kubeconfig, with the rights of manifests/contexts or narrower ones, and through a gate that
// can be shut.
package contexts
