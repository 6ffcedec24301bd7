package controllers

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/controllers/signers"
	"github.com/wildcast/wildcast/controllers/signers/vault"
)

// Issuer is what a valid issuer Secret says.
type Issuer struct {
	Name         types.NamespacedName
	Kind         Kind
	Traits              // of its certificates, where who asks leaves them open
	Server       string // URL of the ACME directory
	Registration acmeclient.Registration
	CABundle     []byte             // PEM, empty for the system's roots
	Authority    *signers.Authority // what KindCA signs with; nil until Root has made it
	Root         string             // the issuer that makes what KindCA signs with; empty when the Secret holds it
	HTTP01       bool               // challenges are answered with pages, not with TXT records
	IngressClass string             // of the Ingresses that bring the CA to those pages; empty for the cluster's default
	Nameservers  []string           // host:port, where to look for those pages' hosts; empty for the system's
	Vault        vault.Config       // of KindVault
	Zones        []string           // canonical; empty for any
	Fallback     string             // issuer of the same namespace that stands in when this one's CA cannot; empty for none
	Namespaces   labels.Selector    // whose Ingresses may use it
	Sync         string             // selector for wildcard certificates, {name} not yet filled in
	Hash         string             // changes with whatever the Secret says
}

// Kind is how an issuer obtains certificates.
type Kind string

// The kinds of issuers.
const (
	KindACME       Kind = "acme"       // orders them from a CA (RFC 8555)
	KindCA         Kind = "ca"         // signs them with a CA's pair
	KindSelfSigned Kind = "selfsigned" // signs each with its own key
	KindVault      Kind = "vault"      // has Vault's PKI engine sign them
)

// defaultSync selects the namespaces that are labelled with the certificate's name.
const defaultSync = "cert-manager-tls={name}"

// issuerKeys says how each key of an issuer Secret is read.
var issuerKeys = map[string]func(*Issuer, string) error{
	"kind":         func(*Issuer, string) error { return nil }, // read before all others
	"challenge":    (*Issuer).setChallenge,
	"ingressClass": (*Issuer).setIngressClass,
	"nameservers":  (*Issuer).setNameservers,
	"server":       (*Issuer).setServer,
	"email":        (*Issuer).setEmail,
	"eabKeyID":     func(i *Issuer, v string) error { i.Registration.EABKeyID = v; return nil },
	"eabHMACKey":   func(i *Issuer, v string) error { i.Registration.EABHMACKey = v; return nil },
	"caBundle":     (*Issuer).setCABundle,
	"fallback":     (*Issuer).setFallback,
	"issuer":       (*Issuer).setRoot,
	"tls.crt":      func(*Issuer, string) error { return nil }, // the three are one thing: see setAuthority
	"tls.key":      func(*Issuer, string) error { return nil },
	"ca.crt":       func(*Issuer, string) error { return nil },
	"path":         func(i *Issuer, v string) error { i.Vault.Path = cmp.Or(v, i.Vault.Path); return nil },
	"role":         (*Issuer).setVaultRole,
	"auth":         (*Issuer).setAuth,
	"authPath":     func(i *Issuer, v string) error { i.Vault.AuthPath = v; return nil },
	"authRole":     func(i *Issuer, v string) error { i.Vault.AuthRole = v; return nil },
	"token":        func(i *Issuer, v string) error { i.Vault.Token = v; return nil },
	"roleID":       func(i *Issuer, v string) error { i.Vault.RoleID = v; return nil },
	"secretID":     func(i *Issuer, v string) error { i.Vault.SecretID = v; return nil },
	"zones":        func(i *Issuer, v string) (err error) { i.Zones, err = canonicalNames(splitList(v)); return err },
	"namespaces":   (*Issuer).setNamespaces,
	"sync":         (*Issuer).setSync,
}

// kindKeys are the keys that mean something to some kinds of issuers only. Those that are not here mean something to all.
var kindKeys = map[string][]Kind{
	"challenge":      {KindACME},
	"ingressClass":   {KindACME},
	"nameservers":    {KindACME},
	"server":         {KindACME, KindVault},
	"email":          {KindACME},
	"eabKeyID":       {KindACME},
	"eabHMACKey":     {KindACME},
	"caBundle":       {KindACME, KindVault},
	"fallback":       {KindACME},
	"profile":        {KindACME},
	"preferredChain": {KindACME},
	"issuer":         {KindCA},
	"tls.crt":        {KindCA},
	"tls.key":        {KindCA},
	"ca.crt":         {KindCA},
	"usages":         {KindCA, KindSelfSigned},
	"subject":        {KindCA, KindSelfSigned},
	"ipSans":         {KindCA, KindSelfSigned, KindVault},
	"uriSans":        {KindCA, KindSelfSigned, KindVault},
	"path":           {KindVault},
	"role":           {KindVault},
	"auth":           {KindVault},
	"authPath":       {KindVault},
	"authRole":       {KindVault},
	"token":          {KindVault},
	"roleID":         {KindVault},
	"secretID":       {KindVault},
}

// ParseIssuer reads an issuer Secret. The error names each faulty key, what is wrong with its value and the remedy, one
// fault after the other separated by "; ".
func ParseIssuer(s *corev1.Secret) (*Issuer, error) {
	issuer := &Issuer{
		Name:       nameOf(s),
		Kind:       cmp.Or(Kind(strings.TrimSpace(string(s.Data["kind"]))), KindACME),
		Traits:     Traits{KeyType: EC256},
		Namespaces: labels.Everything(),
		Sync:       defaultSync,
		Vault:      vault.Config{Path: "pki", Auth: vault.AuthToken},
		Hash:       hashData(s.Data),
	}
	if !slices.Contains(kinds, issuer.Kind) {
		return nil, fmt.Errorf("kind: %q is not supported by this version; use %s", issuer.Kind, listed(kinds))
	}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(s.Data)) {
		if err := issuer.set(key, strings.TrimSpace(string(s.Data[key]))); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", key, err))
		}
	}
	faults = append(faults, issuer.missing(s.Data)...)
	if err := issuer.Traits.fits(issuer.Kind); err != nil && len(faults) == 0 {
		faults = append(faults, err)
	}
	if err := inOneLine(faults); err != nil {
		return nil, err
	}
	return issuer, nil
}

// kinds are all kinds of issuers.
var kinds = []Kind{KindACME, KindCA, KindSelfSigned, KindVault}

func listed(kinds []Kind) string {
	var names []string
	for _, kind := range kinds {
		names = append(names, string(kind))
	}
	return strings.Join(names, " or ")
}

// set reads one key.
func (i *Issuer) set(key, v string) error {
	if of, some := kindKeys[key]; some && !slices.Contains(of, i.Kind) {
		return fmt.Errorf("means nothing to an issuer of kind %s; remove it, or set kind to %s", i.Kind, listed(of))
	}
	if set, known := issuerKeys[key]; known {
		return set(i, v)
	}
	if set, known := traitKeys[key]; known {
		return set(&i.Traits, v)
	}
	known := slices.Concat(slices.Collect(maps.Keys(issuerKeys)), slices.Collect(maps.Keys(traitKeys)))
	slices.Sort(known)
	return fmt.Errorf("unknown key; this version knows %s", strings.Join(known, ", "))
}

// missing names the keys that belong together and are not all there.
func (i *Issuer) missing(data map[string][]byte) (faults []error) {
	_, served := data["server"]
	if i.Kind == KindACME && !served {
		faults = append(faults, errors.New(`server: missing; set it to "letsencrypt", "letsencrypt-staging" or the URL of an ACME directory`))
	}
	if (i.Registration.EABKeyID == "") != (i.Registration.EABHMACKey == "") {
		faults = append(faults, errors.New("eabKeyID, eabHMACKey: one of the two is missing; set both or neither"))
	}
	if i.Duration > 0 && i.RenewBefore >= i.Duration {
		faults = append(faults, fmt.Errorf("renewBefore: %s is not shorter than duration, %s", i.RenewBefore, i.Duration))
	}
	if i.Kind == KindVault {
		faults = append(faults, i.missingForVault()...)
	}
	if i.Kind == KindCA {
		faults = append(faults, i.setAuthority(data)...)
	}
	if !i.HTTP01 && (i.IngressClass != "" || len(i.Nameservers) > 0) {
		faults = append(faults, errors.New("ingressClass, nameservers: only for challenge http01; remove them, or set challenge to http01"))
	}
	return faults
}

// setAuthority reads the pair of a CA, unless another issuer makes it.
func (i *Issuer) setAuthority(data map[string][]byte) []error {
	chain, key := data["tls.crt"], data["tls.key"]
	switch {
	case i.Root != "" && len(chain)+len(key)+len(data["ca.crt"]) > 0:
		return []error{errors.New("issuer: it makes the CA's pair, which is here already; remove it, or tls.crt, tls.key and ca.crt")}
	case i.Root != "":
		return nil
	case len(chain) == 0 || len(key) == 0:
		return []error{errors.New("tls.crt, tls.key: missing; give the CA's certificate and key, or with the key issuer the name of a selfsigned issuer that makes them")}
	}
	signer, err := parseKey(key)
	if err != nil {
		return []error{fmt.Errorf("tls.key: %w; give the CA's key, unencrypted, as openssl pkey writes it", err)}
	}
	if i.Authority, err = signers.NewAuthority(chain, signer, data["ca.crt"]); err != nil {
		return []error{fmt.Errorf("tls.crt: %w", err)}
	}
	return nil
}

func (i *Issuer) setRoot(v string) error {
	if v == i.Name.Name {
		return errors.New("an issuer cannot make its own pair; name one of kind selfsigned")
	}
	i.Root = v
	return nil
}

func (i *Issuer) setChallenge(v string) error {
	if v != "" && v != "dns01" && v != "http01" {
		return fmt.Errorf("%q is neither dns01 nor http01", v)
	}
	i.HTTP01 = v == "http01"
	return nil
}

func (i *Issuer) setIngressClass(v string) error {
	if v != "" && len(validation.IsDNS1123Subdomain(v)) > 0 {
		return fmt.Errorf("%q cannot be the name of an IngressClass; give one that kubectl get ingressclasses shows", v)
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
	if i.Kind == KindVault {
		return i.setVaultServer(v)
	}
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
