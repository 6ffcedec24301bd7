// Package admission is the suite of the policies in manifests/admission, on a real API server: what they refuse and with
// which words, that they refuse nothing which wildcast accepts, and that the API server finds no fault in their expressions.
// With them in force, and wildcast at work, it runs the commands of docs/issuers.md, docs/ingress.md and docs/gateways.md.
package admission
