package controllers

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"hash/fnv"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Have is the certificate that a Secret holds.
type Have struct {
	Names     []string          // canonical, sorted
	Leaf      *x509.Certificate // nil if there is none that can be read, with its key
	NotBefore time.Time
	NotAfter  time.Time
	Serial    string // hexadecimal
	CN        string
	KeyType   KeyType
	Key       crypto.Signer
	Issuer    string // namespace/name of the issuer, from the Secret's annotations
	Revision  int
	Managed   bool // carries our label
	Adopted   bool // handed over by its owner
}

// haveOf reads a TLS Secret; nil for nil. A Secret whose certificate or key cannot be read, or do not belong together,
// gives a Have without Leaf: it covers nothing.
func haveOf(s *corev1.Secret) *Have {
	if s == nil {
		return nil
	}
	have := &Have{
		Issuer:  s.Annotations[AnnotationCertificateIssuer],
		Managed: s.Labels[LabelManaged] == "true",
		Adopted: s.Annotations[AnnotationAdopt] == "true",
	}
	have.Revision, _ = strconv.Atoi(s.Annotations[AnnotationRevision])
	have.read(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey])
	return have
}

// read fills in what a chain and its key tell. It leaves h as it is unless they belong together.
func (h *Have) read(chain, keyPEM []byte) {
	leaf := leafOf(chain)
	key, err := parseKey(keyPEM)
	if leaf == nil || err != nil || !holds(leaf, key) {
		return
	}
	h.Leaf = leaf
	h.Names, _ = canonicalNames(leaf.DNSNames)
	h.NotBefore, h.NotAfter = leaf.NotBefore, leaf.NotAfter
	h.Serial, h.CN = leaf.SerialNumber.Text(16), leaf.Subject.CommonName
	h.KeyType, h.Key = keyTypeOf(leaf.PublicKey), key
}

// leafOf is the first certificate of a PEM chain, nil if there is none.
func leafOf(chain []byte) *x509.Certificate {
	block, _ := pem.Decode(bytes.TrimSpace(chain))
	if block == nil {
		return nil
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return leaf
}

// holds reports whether the certificate is for that key.
func holds(leaf *x509.Certificate, key crypto.Signer) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(leaf.PublicKey)
}

// renewAt is when to renew: when a third of the lifetime is left, half when the lifetime is under ten days, or
// renewBefore the end if that is given and shorter than the lifetime. It is up to a twentieth of the lifetime earlier,
// by the serial number, so that certificates made together are not renewed together. It is always after NotBefore.
func (h *Have) renewAt(renewBefore time.Duration) time.Time {
	lifetime := h.NotAfter.Sub(h.NotBefore)
	left := lifetime / 3
	if lifetime < 10*24*time.Hour {
		left = lifetime / 2
	}
	spread := lifetime / 20
	if renewBefore > 0 && renewBefore+spread < lifetime {
		left = renewBefore
	}
	digest := fnv.New32a()
	digest.Write([]byte(h.Serial))
	early := time.Duration(float64(spread) * float64(digest.Sum32()) / (1 << 32))
	return h.NotAfter.Add(-left - early).Truncate(time.Second)
}

// isCertificate reports whether there is a certificate with its key.
func (h *Have) isCertificate() bool { return h != nil && h.Leaf != nil }
