package signers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

const day = 24 * time.Hour

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// request is for a.test, for 90 days.
func request(t *testing.T) Request {
	t.Helper()
	return Request{Names: []string{"a.test"}, Usages: ServerUsages, Duration: 90 * day, Key: newKey(t)}
}

// ca makes the pair of a CA: self-signed, or signed by another one.
func ca(t *testing.T, name string, by *Authority, change func(*x509.Certificate)) (chain []byte, key crypto.Signer) {
	t.Helper()
	key = newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-day), NotAfter: now.Add(3650 * day),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.Certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return encode(der), key
}

func authority(t *testing.T, chain []byte, key crypto.Signer, root []byte) *Authority {
	t.Helper()
	a, err := NewAuthority(chain, key, root)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// rootCA is an authority that signed itself.
func rootCA(t *testing.T, change func(*x509.Certificate)) *Authority {
	t.Helper()
	chain, key := ca(t, "root", nil, change)
	return authority(t, chain, key, nil)
}

func read(t *testing.T, chain []byte) []*x509.Certificate {
	t.Helper()
	found, err := parseCertificates(chain)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestASelfSignedCertificateIsItsOwnCA(t *testing.T) {
	issued, err := SelfSign(request(t), now)
	if err != nil {
		t.Fatal(err)
	}
	leaf := read(t, issued.Chain)[0]
	if string(issued.CA) != string(issued.Chain) || leaf.IsCA || leaf.VerifyHostname("a.test") != nil ||
		!leaf.NotAfter.Equal(now.Add(90*day)) || !leaf.NotBefore.Equal(now.Add(-skew)) {
		t.Errorf("got %+v", leaf)
	}
}

func TestACertificateHasAllThatIsAskedFor(t *testing.T) {
	r := request(t)
	r.IPs = []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}
	r.URIs = []string{"spiffe://a.test/web"}
	r.Subject = pkix.Name{CommonName: "web", Organization: []string{"A"}}
	r.Usages = Usages{Key: x509.KeyUsageDigitalSignature, Ext: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	issued, err := rootCA(t, nil).Sign(r, now)
	if err != nil {
		t.Fatal(err)
	}
	leaf := read(t, issued.Chain)[0]
	if len(leaf.IPAddresses) != 2 || leaf.VerifyHostname("10.0.0.1") != nil || leaf.URIs[0].String() != r.URIs[0] || leaf.Subject.CommonName != "web" ||
		!slices.Equal(leaf.ExtKeyUsage, r.Usages.Ext) || leaf.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("got %+v", leaf)
	}
}

func TestOnlyRSAKeysEncipherOthers(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for want, key := range map[x509.KeyUsage]crypto.Signer{ServerUsages.Key: weak, x509.KeyUsageDigitalSignature: edwards} {
		r := request(t)
		r.Key = key
		issued, err := rootCA(t, nil).Sign(r, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, issued.Chain)[0].KeyUsage; got != want {
			t.Errorf("%T: got key usage %b, want %b", key, got, want)
		}
	}
}

func TestALeafBringsTheIntermediatesAndNotTheRoot(t *testing.T) {
	top := rootCA(t, nil)
	between, key := ca(t, "between", top, nil)
	root := encode(top.Certificate.Raw)
	for name, a := range map[string]*Authority{
		"root in the chain":  authority(t, append(slices.Clone(between), root...), key, nil),
		"root beside it":     authority(t, between, key, root),
		"root in both":       authority(t, append(slices.Clone(between), root...), key, root),
		"root is not known":  authority(t, between, key, nil),
		"nothing above root": top,
	} {
		issued, err := a.Sign(request(t), now)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		chain, anchor := read(t, issued.Chain), read(t, issued.CA)
		want := map[string]int{"nothing above root": 1}[name]
		if want == 0 {
			want = 2
		}
		if len(chain) != want || len(anchor) != 1 || (name == "root is not known") == anchor[0].Equal(top.Certificate) {
			t.Errorf("%s: %d certificates, ca.crt of %s", name, len(chain), anchor[0].Subject)
		}
		if !a.Signed(chain[0]) {
			t.Errorf("%s: it does not know its own", name)
		}
	}
}

func TestALeafNeverOutlivesItsCA(t *testing.T) {
	soon := now.Add(10 * day)
	brief := rootCA(t, func(c *x509.Certificate) { c.NotAfter = soon })
	between, key := ca(t, "between", brief, nil) // which would outlive its own root
	for name, a := range map[string]*Authority{"root": brief, "below it": authority(t, between, key, encode(brief.Certificate.Raw))} {
		issued, err := a.Sign(request(t), now)
		if err != nil {
			t.Fatal(err)
		}
		if leaf := read(t, issued.Chain)[0]; !issued.Cut || !leaf.NotAfter.Equal(soon) {
			t.Errorf("%s: it ends at %s, cut %v", name, leaf.NotAfter, issued.Cut)
		}
	}
	if issued, err := rootCA(t, nil).Sign(request(t), now); err != nil || issued.Cut {
		t.Errorf("of a CA with time left: cut %v, %v", issued.Cut, err)
	}
}

func TestWhatACAMayNotCertifyIsAnErrorThatSaysWhy(t *testing.T) {
	below := request(t)
	below.CA = true
	for name, row := range map[string]struct {
		ca      func(*x509.Certificate)
		request Request
		contain string
	}{
		"expired":          {func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) }, request(t), "give the issuer a new pair"},
		"not valid yet":    {func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }, request(t), "check the clocks"},
		"path length":      {func(c *x509.Certificate) { c.MaxPathLenZero = true }, below, "allows no CA below it"},
		"name constraints": {func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"b.test"} }, request(t), "may not certify this"},
	} {
		if _, err := rootCA(t, row.ca).Sign(row.request, now); err == nil || !strings.Contains(err.Error(), row.contain) {
			t.Errorf("%s: got %v, want %q", name, err, row.contain)
		}
	}
}

func TestACASignsACA(t *testing.T) {
	r := request(t)
	r.CA, r.Names, r.Subject = true, nil, pkix.Name{CommonName: "below"}
	top := rootCA(t, nil)
	issued, err := top.Sign(r, now)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority(t, issued.Chain, r.Key, issued.CA).Sign(request(t), now)
	if err != nil {
		t.Fatal(err)
	}
	if chain := read(t, leaf.Chain); len(chain) != 2 || string(leaf.CA) != string(encode(top.Certificate.Raw)) {
		t.Errorf("got %d certificates", len(chain))
	}
}

func TestFaultsOfAPairAreNamedWithTheirRemedy(t *testing.T) {
	chain, key := ca(t, "root", nil, nil)
	other, otherKey := ca(t, "other", nil, nil)
	leaf, leafKey := ca(t, "leaf", nil, func(c *x509.Certificate) { c.IsCA = false })
	mute, muteKey := ca(t, "mute", nil, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
	for contain, row := range map[string]struct {
		chain []byte
		key   crypto.Signer
	}{
		"no certificate in PEM form": {nil, key},
		"give the pair of one CA":    {chain, otherKey},
		"with CA:TRUE":               {leaf, leafKey},
		"with keyCertSign":           {mute, muteKey},
		"put them in order":          {append(slices.Clone(chain), other...), key},
	} {
		if _, err := NewAuthority(row.chain, row.key, nil); err == nil || !strings.Contains(err.Error(), contain) {
			t.Errorf("got %v, want %q", err, contain)
		}
	}
}

func TestUsagesAreReadByTheirNames(t *testing.T) {
	got, err := ParseUsages([]string{"Client Auth", "server auth", "digital signature", "client auth"})
	if err != nil || got.Key != x509.KeyUsageDigitalSignature || !slices.Equal(got.Ext, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := ParseUsages([]string{"cert sign"}); err == nil || !strings.Contains(err.Error(), "use any, client auth") {
		t.Errorf("got %v", err)
	}
}
