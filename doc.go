// Package wildcast holds no code: it is the root of a Kubernetes controller that keeps one wildcard certificate per
// domain and a copy of it in every namespace that asks for it. Annotate an Ingress, label a namespace.
//
//	cmd/wildcast          the program: flags, wiring, leader election
//	cmd/wildcast-dns01    the child process that talks to DNS vendors
//	controllers           certificates for Ingresses
//	controllers/loop      a reconciler over a queue of names, for both controllers
//	syncer                copies of Secrets in other namespaces
//	acmeclient            orders at a CA, with its solvers and its test CA below
//	manifests             what is installed
//	e2e                   a module of its own: the real control plane, the suites, the demo, the benchmarks
//
// Imports point one way: cmd → controllers, syncer, acmeclient; controllers, syncer → controllers/loop. Neither
// controller knows the other, and acmeclient knows nothing of Kubernetes.
package wildcast
