package convert

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/controllers"
)

// issuer is an Issuer or a ClusterIssuer. It becomes one issuer Secret for each way in which its challenges are answered,
// since wildcast's issuers have one way.
type issuer struct {
	*input
	home       string // namespace of its Secrets
	kind       controllers.Kind
	keys       settings
	account    types.NamespacedName // the Secret with its key at the CA
	durations  bool                 // an ACME CA is asked for a duration
	challenges []*challenge
	variants   []*variant // the first has the issuer's name
}

// variant is an issuer Secret that is made.
type variant struct {
	name   string
	http01 bool
	class  string   // of Ingresses that answer; empty for the cluster's default
	wild   []string // namespaces with wildcard certificates from it
}

func (c *converter) readIssuer(in *input) *issuer {
	in.used = true
	i := &issuer{input: in, home: c.homeOf(in), keys: settings{}}
	if in.kind == "ClusterIssuer" && in.sub("metadata").has("namespace") {
		in.note("metadata.namespace", "a ClusterIssuer is in no namespace; what it becomes is in %s", c.Home)
	}
	in.tools()
	spec := in.sub("spec")
	switch {
	case spec.has("acme"):
		c.readACME(i, spec.sub("acme"))
	case spec.has("ca"):
		c.readCA(i, spec.sub("ca"))
	case spec.has("selfSigned"):
		i.kind = controllers.KindSelfSigned
		spec.sub("selfSigned").drop("certificates that wildcast signs name no such place", "crlDistributionPoints")
	case spec.has("vault"):
		c.readVault(i, spec.sub("vault"))
	default:
		in.lost("spec", "wildcast issues over ACME, from a CA's pair, self-signed, and with Vault; this issuer is none of these")
		spec.skip(keysOf(spec.all)...)
		return i
	}
	i.defaults()
	c.name(i)
	return i
}

// defaults are cert-manager's, where wildcast's are others: certificates that are there must not look wrong.
func (i *issuer) defaults() {
	i.keys.put("keyType", string(controllers.RSA2048))
	if i.kind != controllers.KindACME {
		i.keys.put("kind", string(i.kind))
	}
	if i.kind == controllers.KindCA || i.kind == controllers.KindSelfSigned {
		i.keys.put("usages", "digital signature, key encipherment")
	}
}

// name gives each variant the name of its Secret.
func (c *converter) name(i *issuer) {
	if len(i.variants) == 0 {
		i.variants = []*variant{{}}
	}
	if c.hides(i) {
		i.variants[0].name = c.free(i.home, i.name.Name+"-issuer")
		i.note("metadata.name", "there is a ClusterIssuer of this name, which nobody would find behind this one, so the issuer is called %s", i.variants[0].name)
	} else if i.variants[0].name = c.free(i.home, i.name.Name, i.name.Name+"-issuer"); i.variants[0].name != i.name.Name {
		i.note("metadata.name", "there is a Secret %s/%s already, so the issuer is called %s", i.home, i.name.Name, i.variants[0].name)
	}
	for _, v := range i.variants[1:] {
		names := []string{i.name.Name + "-http01"}
		if v.class != "" {
			names = append(names, i.name.Name+"-http01-"+v.class)
		}
		v.name = c.free(i.home, names...)
		i.note("spec.acme.solvers", "an issuer of wildcast's answers challenges in one way: issuer %s/%s answers with pages, for those who chose that", i.home, v.name)
	}
}

// hides reports whether the namespace of an Issuer would not find the ClusterIssuer of the same name any more.
func (c *converter) hides(i *issuer) bool {
	return i.home != c.Home && slices.ContainsFunc(c.inputs, func(other *input) bool {
		return other.ofCertManager("ClusterIssuer") && other.name.Name == i.name.Name
	})
}

// find is the issuer that somebody in a namespace names, nil if it is not in the input.
func (c *converter) find(kind, namespace, name string) *issuer {
	for _, i := range c.issuers {
		if i.input.kind == kind && i.name.Name == name && (kind == "ClusterIssuer" || i.name.Namespace == namespace) {
			return i
		}
	}
	return nil
}

// renderIssuers are the Secrets of all issuers: accounts, solvers, issuers.
func (c *converter) renderIssuers() (made []map[string]any) {
	for _, i := range c.issuers {
		if i.kind == "" {
			continue
		}
		c.zonesOfProviders(i)
		for _, challenge := range i.challenges {
			made = append(made, c.renderSolver(i, challenge)...)
		}
		for _, v := range i.variants {
			made = append(made, c.renderAccount(i, v)...)
			made = append(made, c.renderIssuer(i, v))
		}
	}
	return made
}

func (c *converter) renderIssuer(i *issuer, v *variant) map[string]any {
	data := settings{}
	for key, value := range i.keys {
		data[key] = value
	}
	if v.http01 {
		data.put("challenge", "http01")
		data.put("ingressClass", v.class)
		data.put("nameservers", c.flags.http01Nameservers)
	}
	if i.home == c.Home && len(v.wild) > 0 {
		slices.Sort(v.wild)
		data.put("sync", "kubernetes.io/metadata.name in ("+strings.Join(slices.Compact(v.wild), ",")+")")
		i.note("", "issuer %s has sync %q, since wildcards of a shared issuer go to namespaces that it selects, and these have some now. A label will do as well",
			v.name, data["sync"].text)
	}
	meta := metadata{untooled(i.labels), untooled(i.annotations)}
	return makeSecret(i.notes, types.NamespacedName{Namespace: i.home, Name: v.name}, string(controllers.TypeIssuer), meta, data)
}

// renderAccount is the account at the CA, if its key is in the input: a CA that is shown a known key answers with the account
// that it has.
func (c *converter) renderAccount(i *issuer, v *variant) []map[string]any {
	if i.account.Name == "" {
		return nil
	}
	name := types.NamespacedName{Namespace: i.home, Name: v.name + ".account"}
	server := i.keys["server"].text
	key := c.value("spec.acme.privateKeySecretRef", i.account, "tls.key")
	if key.fill == nil {
		return []map[string]any{makeSecret(i.notes, name, string(controllers.TypeAccount), metadata{}, settings{"tls.key": key, "server": {text: server}})}
	}
	create := shell("kubectl", "-n", name.Namespace, "create", "secret", "generic", name.Name, "--type="+string(controllers.TypeAccount), "--from-literal=server="+server)
	read := shell("kubectl", "-n", i.account.Namespace, "get", "secret", i.account.Name, "-o", `jsonpath={.data.tls\.key}`)
	i.add(Remark{Path: key.fill.path, Text: "wildcast registers an account of its own, unless it is given this one's key before the issuer is applied:",
		Command: fmt.Sprintf(`%s --from-literal=tls.key="$(%s | base64 -d)"`, create, read)})
	return nil
}

// readCA takes the pair over. The Certificate that keeps it in cert-manager, if there is one, has no counterpart.
func (c *converter) readCA(i *issuer, f *fields) {
	i.kind = controllers.KindCA
	f.drop("certificates that wildcast signs name no such place", "crlDistributionPoints", "ocspServers", "issuingCertificateURLs")
	pair := types.NamespacedName{Namespace: i.home, Name: f.text("secretName")}
	for _, key := range []string{"tls.crt", "tls.key"} {
		i.keys[key] = c.value(f.path("secretName"), pair, key)
	}
	if in := c.secrets[pair]; in != nil {
		i.keys.put("ca.crt", in.data()["ca.crt"])
	}
}

// keysOf are the keys of a mapping, in no order.
func keysOf(all map[string]any) (keys []string) {
	for key := range all {
		keys = append(keys, key)
	}
	return keys
}
