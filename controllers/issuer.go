package controllers

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"maps"
	"net/mail"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/wildcast/wildcast/acmeclient"
)

// Issuer is what a valid issuer Secret says.
type Issuer struct {
	Name           types.NamespacedName
	Server         string // URL of the ACME directory
	Registration   acmeclient.Registration
	CABundle       []byte // PEM, empty for the system's roots
	Profile        string
	PreferredChain string
	Zones          []string        // canonical; empty for any
	Namespaces     labels.Selector // whose Ingresses may use it
	Sync           string          // selector for wildcard certificates, {name} not yet filled in
	KeyType        KeyType
	RotateKey      bool
	RenewBefore    time.Duration // zero for the rule
	HTTP01         bool          // challenges are answered with pages, not with TXT records
	IngressClass   string        // of the Ingresses that bring the CA to those pages; empty for the cluster's default
	Nameservers    []string      // host:port, where to look for those pages' hosts; empty for the system's
	Hash           string        // changes with whatever the Secret says
}

// defaultSync selects the namespaces that are labelled with the certificate's name.
const defaultSync = "cert-manager-tls={name}"

// issuerKeys says how each key of an issuer Secret is read.
var issuerKeys = map[string]func(*Issuer, string) error{
	"kind":           oneOf("acme"),
	"challenge":      (*Issuer).setChallenge,
	"ingressClass":   (*Issuer).setIngressClass,
	"nameservers":    (*Issuer).setNameservers,
	"server":         (*Issuer).setServer,
	"email":          (*Issuer).setEmail,
	"eabKeyID":       func(i *Issuer, v string) error { i.Registration.EABKeyID = v; return nil },
	"eabHMACKey":     func(i *Issuer, v string) error { i.Registration.EABHMACKey = v; return nil },
	"preferredChain": func(i *Issuer, v string) error { i.PreferredChain = v; return nil },
	"profile":        func(i *Issuer, v string) error { i.Profile = v; return nil },
	"caBundle":       (*Issuer).setCABundle,
	"zones":          func(i *Issuer, v string) (err error) { i.Zones, err = canonicalNames(splitList(v)); return err },
	"namespaces":     (*Issuer).setNamespaces,
	"sync":           (*Issuer).setSync,
	"keyType":        func(i *Issuer, v string) (err error) { i.KeyType, err = ParseKeyType(v); return err },
	"rotateKey":      (*Issuer).setRotateKey,
	"renewBefore":    (*Issuer).setRenewBefore,
}

// ParseIssuer reads an issuer Secret. The error names each faulty key, what is wrong with its value and the remedy, one
// fault after the other separated by "; ".
func ParseIssuer(s *corev1.Secret) (*Issuer, error) {
	issuer := &Issuer{
		Name:       types.NamespacedName{Namespace: s.Namespace, Name: s.Name},
		Namespaces: labels.Everything(),
		Sync:       defaultSync,
		KeyType:    EC256,
		RotateKey:  true,
		Hash:       hashData(s.Data),
	}
	var faults []string
	for _, key := range slices.Sorted(maps.Keys(s.Data)) {
		set, known := issuerKeys[key]
		if !known {
			faults = append(faults, fmt.Sprintf("%s: unknown key; this version knows %s",
				key, strings.Join(slices.Sorted(maps.Keys(issuerKeys)), ", ")))
			continue
		}
		if err := set(issuer, strings.TrimSpace(string(s.Data[key]))); err != nil {
			faults = append(faults, key+": "+err.Error())
		}
	}
	faults = append(faults, issuer.missing(s.Data)...)
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s", strings.Join(faults, "; "))
	}
	return issuer, nil
}

// missing names the keys that belong together and are not all there.
func (i *Issuer) missing(data map[string][]byte) (faults []string) {
	if _, has := data["server"]; !has {
		faults = append(faults, `server: missing; set it to "letsencrypt", "letsencrypt-staging" or the URL of an ACME directory`)
	}
	if (i.Registration.EABKeyID == "") != (i.Registration.EABHMACKey == "") {
		faults = append(faults, "eabKeyID, eabHMACKey: one of the two is missing; set both or neither")
	}
	if !i.HTTP01 && (i.IngressClass != "" || len(i.Nameservers) > 0) {
		faults = append(faults, "ingressClass, nameservers: only for challenge http01; remove them, or set challenge to http01")
	}
	return faults
}

func oneOf(allowed ...string) func(*Issuer, string) error {
	return func(_ *Issuer, v string) error {
		if v != "" && !slices.Contains(allowed, v) {
			return fmt.Errorf("%q is not supported by this version; use %s", v, strings.Join(allowed, " or "))
		}
		return nil
	}
}

func (i *Issuer) setChallenge(v string) error {
	if v != "" && v != "dns01" && v != "http01" {
		return fmt.Errorf("%q is neither dns01 nor http01", v)
	}
	i.HTTP01 = v == "http01"
	return nil
}

func (i *Issuer) setIngressClass(v string) error {
	if wrong := validation.IsDNS1123Subdomain(v); v != "" && len(wrong) > 0 {
		return fmt.Errorf("%q cannot be the name of an IngressClass: %s", v, wrong[0])
	}
	i.IngressClass = v
	return nil
}

func (i *Issuer) setNameservers(v string) error {
	for _, server := range splitList(v) {
		if _, err := netip.ParseAddrPort(server); err != nil {
			return fmt.Errorf("%q is not an address with a port such as 10.96.0.10:53", server)
		}
		i.Nameservers = append(i.Nameservers, server)
	}
	return nil
}

func (i *Issuer) setServer(v string) (err error) {
	i.Server, err = acmeclient.DirectoryURL(v)
	return err
}

func (i *Issuer) setEmail(v string) error {
	if v == "" {
		return nil
	}
	if a, err := mail.ParseAddress(v); err != nil || a.Address != v {
		return fmt.Errorf("%q is not a plain e-mail address such as admin@example.com", v)
	}
	i.Registration.Email = v
	return nil
}

func (i *Issuer) setCABundle(v string) error {
	if v != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(v)) {
		return fmt.Errorf("holds no certificate in PEM form; give the roots that signed the server's HTTPS certificate")
	}
	i.CABundle = []byte(v)
	return nil
}

func (i *Issuer) setNamespaces(v string) error {
	selector, err := labels.Parse(v)
	if err != nil {
		return fmt.Errorf("%q is not a label selector: %w; write for example team=web,env in (prod,uat)", v, err)
	}
	i.Namespaces = selector
	return nil
}

func (i *Issuer) setSync(v string) error {
	i.Sync = v
	if _, err := syncSelector(i.SyncFor("wildcard.example.com")); err != nil {
		return fmt.Errorf("%q is not a label selector: %w; write for example %s", v, err, defaultSync)
	}
	return nil
}

func (i *Issuer) setRotateKey(v string) (err error) {
	i.RotateKey, err = parseBool(v)
	return err
}

func (i *Issuer) setRenewBefore(v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a positive duration such as 720h", v)
	}
	i.RenewBefore = d
	return nil
}

func parseBool(v string) (bool, error) {
	switch v {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf(`%q is neither "true" nor "false"`, v)
}

// SyncFor is the value of AnnotationSync for a certificate of that name.
func (i *Issuer) SyncFor(name string) string {
	return strings.ReplaceAll(i.Sync, "{name}", LabelValue(name))
}

// syncSelector is the selector that a value of AnnotationSync stands for; no selector at all for "false".
func syncSelector(value string) (labels.Selector, error) {
	switch value {
	case "", "true":
		return labels.Everything(), nil
	case "false":
		return labels.Nothing(), nil
	}
	return labels.Parse(value)
}

// LabelValue is text as the value of a label, as the syncer writes it in origin labels: itself up to 63 characters, else
// its beginning, "-" and 8 digits of a hash.
func LabelValue(text string) string {
	const most, digits = 63, 8
	if len(text) <= most {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return text[:most-digits-1] + "-" + hex.EncodeToString(sum[:])[:digits]
}

// hashData is a hash of a Secret's data that tells contents apart.
func hashData(data map[string][]byte) string {
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(data)) {
		fmt.Fprintf(h, "%d %s %d %s", len(key), key, len(data[key]), data[key])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// splitList splits a list separated by commas, blanks or lines.
func splitList(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' || r == '\r' })
}
