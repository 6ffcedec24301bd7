package signers

import (
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Usages are what a certificate may be used for.
type Usages struct {
	Key x509.KeyUsage
	Ext []x509.ExtKeyUsage // in the order of their numbers
}

// keyUsages and extUsages are the usages by the names that cert-manager and Kubernetes give them. Those of a CA are not
// among them: they come with being one.
var (
	keyUsages = map[string]x509.KeyUsage{
		"digital signature":  x509.KeyUsageDigitalSignature,
		"signing":            x509.KeyUsageDigitalSignature,
		"content commitment": x509.KeyUsageContentCommitment,
		"key encipherment":   x509.KeyUsageKeyEncipherment,
		"data encipherment":  x509.KeyUsageDataEncipherment,
		"key agreement":      x509.KeyUsageKeyAgreement,
		"encipher only":      x509.KeyUsageEncipherOnly,
		"decipher only":      x509.KeyUsageDecipherOnly,
	}
	extUsages = map[string]x509.ExtKeyUsage{
		"any":              x509.ExtKeyUsageAny,
		"server auth":      x509.ExtKeyUsageServerAuth,
		"client auth":      x509.ExtKeyUsageClientAuth,
		"code signing":     x509.ExtKeyUsageCodeSigning,
		"email protection": x509.ExtKeyUsageEmailProtection,
		"s/mime":           x509.ExtKeyUsageEmailProtection,
		"ipsec end system": x509.ExtKeyUsageIPSECEndSystem,
		"ipsec tunnel":     x509.ExtKeyUsageIPSECTunnel,
		"ipsec user":       x509.ExtKeyUsageIPSECUser,
		"timestamping":     x509.ExtKeyUsageTimeStamping,
		"ocsp signing":     x509.ExtKeyUsageOCSPSigning,
	}
)

// ServerUsages are those of a TLS server, and the default.
var ServerUsages = Usages{
	Key: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	Ext: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
}

// ParseUsages reads names of usages, in any case. The error lists all names.
func ParseUsages(names []string) (u Usages, err error) {
	for _, name := range names {
		name = strings.ToLower(name)
		key, isKey := keyUsages[name]
		ext, isExt := extUsages[name]
		switch {
		case isKey:
			u.Key |= key
		case isExt:
			u.Ext = append(u.Ext, ext)
		default:
			known := slices.Concat(slices.Collect(maps.Keys(keyUsages)), slices.Collect(maps.Keys(extUsages)))
			slices.Sort(known)
			return Usages{}, fmt.Errorf("%q is no usage; use %s", name, strings.Join(known, ", "))
		}
	}
	slices.Sort(u.Ext)
	u.Ext = slices.Compact(u.Ext)
	return u, nil
}

// IsZero reports whether there are none.
func (u Usages) IsZero() bool { return u.Key == 0 && len(u.Ext) == 0 }
