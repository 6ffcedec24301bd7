// Package signers makes certificates without a CA's server: with the pair of a CA, or with the certificate's own key. It
// is the standard library's x509, a policy and the checks that a CA must make. It stores nothing and knows no Kubernetes.
package signers
