package convert

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/controllers"
)

// Let's Encrypt's directories of the protocol before RFC 8555, which were turned off, and what follows them.
var successors = map[string]string{
	"https://acme-v01.api.letsencrypt.org/directory":     "https://acme-v02.api.letsencrypt.org/directory",
	"https://acme-staging.api.letsencrypt.org/directory": "https://acme-staging-v02.api.letsencrypt.org/directory",
}

func (c *converter) readACME(i *issuer, f *fields) {
	i.kind = controllers.KindACME
	server := f.text("server")
	if next := successors[strings.TrimSuffix(server, "/")]; next != "" {
		f.note(f.path("server"), "%s was turned off long ago; the issuer has %s", server, next)
		server = next
	}
	i.keys.put("server", server)
	for _, key := range []string{"email", "preferredChain", "profile"} {
		i.keys.put(key, f.text(key))
	}
	c.caBundle(i, f)
	if binding := f.sub("externalAccountBinding"); binding.has("keyID") {
		i.keys.put("eabKeyID", binding.text("keyID"))
		i.keys.referred(c, i.home, "eabHMACKey", binding.sub("keySecretRef"), "secret")
		binding.skip("keyAlgorithm") // HS256 is the only one, also there
	}
	account := f.sub("privateKeySecretRef")
	i.account = types.NamespacedName{Namespace: i.home, Name: account.text("name")}
	if key := account.text("key"); key != "" && key != "tls.key" {
		account.note(account.path("key"), "the key of the account is read from tls.key")
	}
	f.skip("disableAccountKeyGeneration") // a key that is there is used, as with it
	i.durations = f.flag("enableDurationFeature")
	if f.text("skipTLSVerify") == "true" {
		f.lost(f.path("skipTLSVerify"), "wildcast always verifies the CA's server; give its roots as caBundle")
	}
	c.readChallenges(i, f)
}

// challenge is one way in which an issuer answers, and for whom.
type challenge struct {
	at           string // path
	names, zones []string
	labels       map[string]string
	provider     string   // name among v1alpha1's providers
	domains      []string // of the Certificates that name it
	variant      *variant
	solver       *solver // nil for http01, and for vendors that are not known
}

// readChallenges reads solvers, and what v1alpha1 had before there were any. Those that answer through the DNS become one
// issuer, which is the first one, and pages on each class of Ingresses another.
func (c *converter) readChallenges(i *issuer, f *fields) {
	for _, s := range f.subs("solvers") {
		selector := s.sub("selector")
		answer := &challenge{at: s.at, names: selector.list("dnsNames"), zones: selector.list("dnsZones"), labels: selector.texts("matchLabels")}
		c.readChallenge(i, answer, s)
	}
	for _, p := range f.sub("dns01").subs("providers") {
		c.readDNS(i, &challenge{at: p.at, provider: p.text("name")}, p)
	}
	if f.has("http01") {
		f.sub("http01").skip("serviceType")
		i.challenges = append(i.challenges, &challenge{at: f.path("http01"), variant: i.variant(true, "")})
	}
	slices.SortStableFunc(i.variants, func(a, b *variant) int { return order(a.http01) - order(b.http01) })
}

func order(http01 bool) int {
	if http01 {
		return 1
	}
	return 0
}

func (c *converter) readChallenge(i *issuer, answer *challenge, s *fields) {
	if s.has("dns01") {
		c.readDNS(i, answer, s.sub("dns01"))
	}
	if !s.has("http01") {
		return
	}
	pages := s.sub("http01")
	if pages.has("gatewayHTTPRoute") {
		pages.drop("wildcast answers through Ingresses only", "gatewayHTTPRoute")
		return
	}
	ingress := pages.sub("ingress")
	ingress.drop("wildcast answers through an Ingress of its own", "name")
	ingress.drop("wildcast answers by itself: it makes no Pod and no Service, and its Ingress has the class alone", "podTemplate", "ingressTemplate")
	if kind := ingress.text("serviceType"); kind != "" {
		ingress.note(ingress.path("serviceType"), "wildcast makes no Service for challenges: its own stays a ClusterIP")
	}
	class := ingress.text("ingressClassName")
	if old := ingress.text("class"); old != "" {
		class = old
	}
	answer.variant = i.variant(true, class)
	i.challenges = append(i.challenges, answer)
}

// variant is the issuer's way, made if it is new.
func (i *issuer) variant(http01 bool, class string) *variant {
	for _, v := range i.variants {
		if v.http01 == http01 && v.class == class {
			return v
		}
	}
	v := &variant{http01: http01, class: class}
	i.variants = append(i.variants, v)
	return v
}

// choose is the challenge by which cert-manager would have a name certified for somebody with these labels: first that with
// the labels and the name, then that with the longest zone, then the first. Wildcards take the DNS.
func (i *issuer) choose(name string, labels map[string]string) *challenge {
	var best *challenge
	most := -1
	for _, answer := range i.challenges {
		if n := answer.fits(name, labels); n > most && answer.provider == "" && (!strings.HasPrefix(name, "*.") || !answer.variant.http01) {
			best, most = answer, n
		}
	}
	return best
}

// fits says how well a challenge is selected: -1 for not at all, 0 if it has no selector.
func (a *challenge) fits(name string, labels map[string]string) int {
	const forName, forLabel = 1000, 100000 // no zone is as long as 1000
	score := 0
	for key, value := range a.labels {
		if labels[key] != value {
			return -1
		}
		score += forLabel
	}
	if slices.Contains(a.names, name) {
		return score + forName
	}
	bare, longest := strings.TrimPrefix(name, "*."), -1
	for _, zone := range a.zones {
		if bare == zone || strings.HasSuffix(bare, "."+zone) {
			longest = max(longest, len(zone))
		}
	}
	if longest < 0 && len(a.names)+len(a.zones) > 0 {
		return -1
	}
	return score + max(longest, 0)
}

// pick is the variant that certifies the names for somebody with these labels.
func (i *issuer) pick(n notes, path string, names []string, labels map[string]string) *variant {
	var picked *variant
	for _, name := range names {
		answer := i.choose(name, labels)
		switch {
		case answer == nil:
		case picked == nil:
			picked = answer.variant
		case picked != answer.variant:
			n.lost(path, "some names are answered for through the DNS and some with pages; wildcast's issuer %s does one for all of them", i.variants[0].name)
			return i.variants[0]
		}
	}
	if picked == nil {
		return i.variants[0]
	}
	return picked
}
