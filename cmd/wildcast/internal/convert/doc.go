// Package convert turns what people have for cert-manager and kubed into what wildcast reads: issuers and solvers as
// Secrets, standing certificates as ConfigMaps, annotations of Ingresses, Gateways and sources. It takes values and gives
// values: no file is opened here, and no cluster asked.
//
// Nothing is dropped in silence. Every field of the input is either carried over or named in a [Remark]; a reader of
// fields remembers which of them somebody has looked at, and the others are reported when all is done.
package convert
