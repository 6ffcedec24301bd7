// Package sidecar runs what manifests/sidecar ships on this machine: real nginx and HAProxy, Debian's, beside wildcast
// sidecar, with the configurations, the arguments and the rights that are shipped. Only paths and ports are others.
//
//	site, err := sidecar.Open("nginx", t.TempDir())
//	err = site.StartSidecar(ctx, kubeconfig, "shop")
//	err = site.StartServer()                          // when the files are there, as in the pod
//
// The programs come from the machine. Nothing is skipped where they are missing: see [Install].
package sidecar
