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
	"k8s.io/apimachinery/pkg/types"
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
	InsteadOf string // the one for which it stood in, if it did
	Revision  int
	Managed   bool   // carries our label
	Adopted   bool   // handed over by its owner
	Window    Window // in which its CA suggests to renew it
	Asked     string // text of AnnotationRenew
	Renewed   string // the one that it was ordered for
}

// haveOf reads a TLS Secret; nil for nil. A Secret whose certificate or key cannot be read, or do not belong together,
// gives a Have without Leaf: it covers nothing.
func haveOf(s *corev1.Secret) *Have {
	if s == nil {
		return nil
	}
	have := &Have{
		Issuer:    s.Annotations[AnnotationCertificateIssuer],
		InsteadOf: s.Annotations[AnnotationInsteadOf],
		Managed:   s.Labels[LabelManaged] == "true",
		Adopted:   s.Annotations[AnnotationAdopt] == "true",
		Asked:     s.Annotations[AnnotationRenew],
		Renewed:   s.Annotations[AnnotationRenewed],
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

// renewAt is when to renew:
//
//	the CA suggests no window          by the rule
//	the CA suggests one                in the window, but see suggestedAt
//	renewBefore is given               by the rule, or in the window if that is earlier
//
// It differs by the serial number, so that certificates made together are not renewed together, and is the same on every
// pass.
func (h *Have) renewAt(renewBefore time.Duration) time.Time {
	at := h.ruledAt(renewBefore)
	if h.Window.Start.IsZero() {
		return at
	}
	suggested := h.suggestedAt()
	if renewBefore > 0 && at.Before(suggested) {
		return at
	}
	return suggested
}

// ruledAt is when a third of the lifetime is left, half when the lifetime is under ten days, or renewBefore the end if
// that is given and shorter than the lifetime; and up to a twentieth of the lifetime earlier. It is always after NotBefore.
func (h *Have) ruledAt(renewBefore time.Duration) time.Time {
	lifetime := h.NotAfter.Sub(h.NotBefore)
	left := lifetime / 3
	if lifetime < 10*24*time.Hour {
		left = lifetime / 2
	}
	spread := lifetime / 20
	if renewBefore > 0 && renewBefore+spread < lifetime {
		left = renewBefore
	}
	early := time.Duration(float64(spread) * fraction(h.Serial))
	return h.NotAfter.Add(-left - early).Truncate(time.Second)
}

// suggestedAt is an instant in the CA's window. It is never later than the emergency, and in the first third of the
// lifetime only if the window ends there: a window over all of a short life is no reason to renew at once, and one that
// is past is, as when the certificate is revoked.
func (h *Have) suggestedAt() time.Time {
	start, end := h.Window.Start, h.Window.End
	if third := h.NotBefore.Add(h.NotAfter.Sub(h.NotBefore) / 3); start.Before(third) && third.Before(end) {
		start = third
	}
	if last := h.emergency(); last.Before(end) {
		end = last
	}
	if end.Before(start) {
		return end
	}
	return start.Add(time.Duration(float64(end.Sub(start)) * fraction(h.Serial))).Truncate(time.Second)
}

// emergency is when a twentieth of the lifetime is left.
func (h *Have) emergency() time.Time { return h.NotAfter.Add(-h.NotAfter.Sub(h.NotBefore) / 20) }

// fraction is a number from 0 up to 1 that depends on nothing but the text.
func fraction(text string) float64 {
	digest := fnv.New32a()
	digest.Write([]byte(text))
	return float64(digest.Sum32()) / (1 << 32)
}

// asked is h with what the owner of the Secret asks for.
func (h *Have) asked(secret *Have) *Have {
	if h != nil && secret != nil {
		h.Asked = secret.Asked
	}
	return h
}

// isFrom reports whether the certificate was asked of that issuer: it, or its fallback, has made it.
func (h *Have) isFrom(issuer types.NamespacedName) bool {
	return h.Issuer == issuer.String() || h.InsteadOf == issuer.String()
}

// serves reports whether the certificate covers the names and has not expired. It may be due for renewal.
func (h *Have) serves(names []string, now time.Time) bool {
	return h.isCertificate() && covers(h.Names, names) && now.Before(h.NotAfter)
}

// isCertificate reports whether there is a certificate with its key.
func (h *Have) isCertificate() bool { return h != nil && h.Leaf != nil }
