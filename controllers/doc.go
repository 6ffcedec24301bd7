// Package controllers obtains and renews the certificates that Ingresses ask for.
//
// A user annotates an Ingress with the name of an issuer. The controller turns each of its tls entries into an ask
// (ask.go), joins the asks for the same certificate into what is wanted (want.go), reads what the certificate's Secret
// holds (have.go), decides what to do (plan.go) and does it (certificates.go, order.go). The files that decide are pure
// functions of values and the time; the truth tables stand above asksOf, planFor, avoids, renewAt, (*Record).fail, pause and counts.
//
//	Ingress, Namespace, issuer, account, solver, Secret, timer
//	  → name of a certificate → queue → gather → plan → act → when to look again
//
// One certificate serves any number of Ingresses. Its identity is its name, wildcard.BASE in the home namespace; its
// names are the union of what all Ingresses ask of it. The syncer copies it to the namespaces that its annotation
// wildcast.dev/sync selects, under its own name and under the secretName of each Ingress there (Requested). A namespace
// that is not selected neither starts an order nor gets a copy: the label is an administrator's permission.
//
// # State
//
// All state is in the cluster. Issuers, solvers, accounts and orders are Secrets of a type of their own (names.go), so
// the API server can select them and no other Secret is ever read. The order in flight is a [Record], written before
// the step that it records:
//
//	killed before                        the next process
//	the record is written                orders, with a new key
//	the CA has answered newOrder         orders again, with the same key
//	the order's URL is recorded          orders again, with the same key: the one window that cannot be closed, since
//	                                     the CA's answer and our write are two systems
//	the order is valid                   carries on with the order
//	the chain is recorded                fetches the chain of the same order
//	the Secret is written                writes the Secret from the record, without the CA
//
// The same record rebuilds a Secret that was deleted by hand, from its own order or, until that is done, from the one
// before; and holds the back-off of an order that failed, so that neither a restart nor a deleted Secret makes wildcast
// forget what a CA has asked for.
package controllers
