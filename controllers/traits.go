package controllers

import (
	"bytes"
	"cmp"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/wildcast/wildcast/controllers/signers"
)

// Traits are what can be chosen about a certificate beside its issuer and its DNS names. A zero value leaves the choice
// to whoever comes next: first those who ask, then the issuer, then the rule.
type Traits struct {
	KeyType        KeyType
	RotateKey      *bool // nil for yes
	Duration       time.Duration
	RenewBefore    time.Duration // zero for the rule
	Profile        string        // ACME alone
	PreferredChain string        // ACME alone
	CommonName     string
	Subject        pkix.Name // without common name; not ACME
	Usages         signers.Usages
	IPs            []netip.Addr
	URIs           []string
	CA             bool // it signs others; not ACME
}

// traitKeys says how the keys are read that issuers and standing certificates share.
var traitKeys = map[string]func(*Traits, string) error{
	"keyType":        (*Traits).setKeyType,
	"rotateKey":      (*Traits).setRotateKey,
	"duration":       func(t *Traits, v string) (err error) { t.Duration, err = parseDuration(v); return err },
	"renewBefore":    func(t *Traits, v string) (err error) { t.RenewBefore, err = parseDuration(v); return err },
	"profile":        func(t *Traits, v string) error { t.Profile = v; return nil },
	"preferredChain": func(t *Traits, v string) error { t.PreferredChain = v; return nil },
	"usages":         func(t *Traits, v string) (err error) { t.Usages, err = signers.ParseUsages(splitLines(v)); return err },
	"subject":        func(t *Traits, v string) (err error) { t.Subject, err = parseSubject(v); return err },
	"ipSans":         (*Traits).setIPs,
	"uriSans":        (*Traits).setURIs,
}

func (t *Traits) setKeyType(v string) (err error) {
	if v != "" {
		t.KeyType, err = ParseKeyType(v)
	}
	return err
}

func (t *Traits) setRotateKey(v string) error {
	rotate, err := parseBool(v)
	t.RotateKey = &rotate
	return err
}

func (t *Traits) setIPs(v string) error {
	for _, text := range splitList(v) {
		ip, err := netip.ParseAddr(text)
		if err != nil || ip.Zone() != "" {
			return fmt.Errorf("%q is no IP address; write for example 10.0.0.1,fd00::1", text)
		}
		t.IPs = append(t.IPs, ip.Unmap())
	}
	slices.SortFunc(t.IPs, netip.Addr.Compare)
	t.IPs = slices.Compact(t.IPs)
	return nil
}

func (t *Traits) setURIs(v string) error {
	for _, text := range splitList(v) {
		uri, err := url.Parse(text)
		if err != nil || uri.Scheme == "" {
			return fmt.Errorf("%q is no absolute URI; write for example spiffe://example.com/web", text)
		}
		t.URIs = append(t.URIs, uri.String())
	}
	slices.Sort(t.URIs)
	t.URIs = slices.Compact(t.URIs)
	return nil
}

// parseDuration reads a duration that a certificate's life can be made of.
func parseDuration(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a positive duration such as 720h", v)
	}
	return d, nil
}

// subjectParts are where the attributes of a subject go, under the names that RFC 4514 and OpenSSL give them.
var subjectParts = map[string]func(*pkix.Name) *[]string{
	"O":          func(n *pkix.Name) *[]string { return &n.Organization },
	"OU":         func(n *pkix.Name) *[]string { return &n.OrganizationalUnit },
	"C":          func(n *pkix.Name) *[]string { return &n.Country },
	"ST":         func(n *pkix.Name) *[]string { return &n.Province },
	"L":          func(n *pkix.Name) *[]string { return &n.Locality },
	"STREET":     func(n *pkix.Name) *[]string { return &n.StreetAddress },
	"POSTALCODE": func(n *pkix.Name) *[]string { return &n.PostalCode },
}

// parseSubject reads attributes such as O=Example,OU=Web,C=DE. A backslash takes the meaning from a comma.
func parseSubject(v string) (name pkix.Name, err error) {
	const comma = "\x00"
	for _, part := range splitLines(strings.ReplaceAll(v, `\,`, comma)) {
		key, value, found := strings.Cut(strings.ReplaceAll(part, comma, ","), "=")
		into, known := subjectParts[strings.ToUpper(strings.TrimSpace(key))]
		if value = strings.TrimSpace(value); !found || !known || value == "" {
			return pkix.Name{}, fmt.Errorf(`%q is no attribute of a subject; use O, OU, C, ST, L, STREET and POSTALCODE as in O=Example,C=DE, with \, for a comma`, part)
		}
		values := into(&name)
		*values = append(*values, value)
	}
	return name, nil
}

// splitLines splits a list separated by commas or lines, whose items may hold blanks.
func splitLines(v string) (items []string) {
	for _, item := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == '\n' }) {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func (t Traits) equal(o Traits) bool { return bytes.Equal(t.encode(), o.encode()) }

// encode is text that differs when the traits do.
func (t Traits) encode() []byte {
	text, _ := json.Marshal(t) // all in it can be marshalled
	return text
}

// or is what is chosen when t chooses first and next leaves open less:
//
//	duration                       the shorter one
//	renewBefore                    the longer one
//	IP addresses and URIs          those of both
//	all others                     t's, else next's
//
// So nobody gets a certificate that lives longer, or is renewed later, than he has asked for.
func (t Traits) or(next Traits) Traits {
	t.KeyType = cmp.Or(t.KeyType, next.KeyType)
	t.RotateKey = cmp.Or(t.RotateKey, next.RotateKey)
	if t.Duration == 0 || 0 < next.Duration && next.Duration < t.Duration {
		t.Duration = next.Duration
	}
	t.RenewBefore = max(t.RenewBefore, next.RenewBefore)
	t.Profile = cmp.Or(t.Profile, next.Profile)
	t.PreferredChain = cmp.Or(t.PreferredChain, next.PreferredChain)
	t.CommonName = cmp.Or(t.CommonName, next.CommonName)
	if t.Subject.String() == "" {
		t.Subject = next.Subject
	}
	if t.Usages.IsZero() {
		t.Usages = next.Usages
	}
	t.IPs = slices.Compact(slices.SortedFunc(slices.Values(slices.Concat(t.IPs, next.IPs)), netip.Addr.Compare))
	t.URIs = slices.Compact(slices.Sorted(slices.Values(slices.Concat(t.URIs, next.URIs))))
	t.CA = t.CA || next.CA
	return t
}

// rotates reports whether a renewed certificate has a new key.
func (t Traits) rotates() bool { return t.RotateKey == nil || *t.RotateKey }

// name is the whole subject.
func (t Traits) name() pkix.Name {
	name := t.Subject
	name.CommonName = t.CommonName
	return name
}

// fits says what a kind of issuer cannot do about the traits, and the remedy; nil if it can do all.
func (t Traits) fits(kind Kind) error {
	var faults []error
	fault := func(key string, when bool, remedy string) {
		if when {
			faults = append(faults, fmt.Errorf("%s: %s", key, remedy))
		}
	}
	acme := kind == KindACME
	const notACME = "ACME CAs decide this themselves; remove it, or use an issuer of kind ca or selfsigned"
	fault("keyType", acme && t.KeyType == Ed25519, "ed25519 keys are not certified over ACME; use ec256, ec384, rsa2048, rsa3072 or rsa4096")
	fault("usages", acme && !t.Usages.IsZero(), notACME)
	fault("subject", acme && t.Subject.String() != "", notACME)
	fault("ipSans", acme && len(t.IPs) > 0, notACME)
	fault("uriSans", acme && len(t.URIs) > 0, notACME)
	const inVault = "Vault's role decides this; remove it, and see the role"
	fault("usages", kind == KindVault && !t.Usages.IsZero(), inVault)
	fault("subject", kind == KindVault && t.Subject.String() != "", inVault)
	fault("profile", !acme && t.Profile != "", "only ACME CAs have profiles; remove it")
	fault("preferredChain", !acme && t.PreferredChain != "", "only ACME CAs offer several chains; remove it")
	return inOneLine(faults)
}
