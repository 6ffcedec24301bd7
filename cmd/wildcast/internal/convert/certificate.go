package convert

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/controllers"
)

// certificate makes a standing certificate of a Certificate.
func (c *converter) certificate(in *input) []map[string]any {
	in.used = true
	if by := c.madeFor(in); by != nil {
		in.skip(keysOf(in.all)...)
		in.note("", "cert-manager made it for %s of the input, which asks for it now", by.notes.object)
		return nil
	}
	spec := in.sub("spec")
	if spec.flag("isCA") {
		spec.skip(keysOf(spec.all)...)
		in.lost("spec.isCA", "wildcast makes pairs of CAs for issuers alone (kind ca with the key issuer); an issuer that uses Secret %s has a copy of it, and nobody renews it",
			spec.text("secretName"))
		return nil
	}
	by, ok := c.issuerRef(in, spec.sub("issuerRef"))
	if !ok {
		spec.skip(keysOf(spec.all)...)
		return nil
	}
	w := &wish{notes: in.notes, issuer: by, namespace: in.name.Namespace, data: map[string]string{}}
	w.names(spec)
	c.configs(w, spec)
	w.data["issuer"] = c.nameFor(w, in.labels)
	name := c.nameOf(in)
	secret := types.NamespacedName{Namespace: in.name.Namespace, Name: spec.text("secretName")}
	if secret.Name != name.Name {
		w.put("secretName", secret.Name)
	}
	w.traits(spec)
	meta := c.template(in, w, spec.sub("secretTemplate"))
	c.handOver(w, "spec.secretName", secret, w.dnsNames)
	return []map[string]any{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta.of(name), "data": w.data}}
}

// nameOf is the name of the ConfigMap for a Certificate: its own, unless somebody's ConfigMap has it.
func (c *converter) nameOf(in *input) types.NamespacedName {
	name := in.name
	if slices.ContainsFunc(c.inputs, func(other *input) bool { return other.kind == "ConfigMap" && other.name == name }) {
		name.Name += "-certificate"
		in.note("metadata.name", "there is a ConfigMap %s already, so the standing certificate is called %s", in.name, name.Name)
	}
	return name
}

// madeFor is the Ingress or the Gateway of the input for which there is this Certificate, nil if there is none.
func (c *converter) madeFor(in *input) *input {
	for _, other := range c.inputs {
		if other.asksByAnnotation() && other.name.Namespace == in.name.Namespace && slices.Contains(in.owners, owner{other.kind, other.name.Name}) {
			return other
		}
	}
	return nil
}

// wish is what somebody asks for.
type wish struct {
	notes
	issuer    named
	namespace string
	dnsNames  []string
	variant   *variant // what old versions say about challenges, if they do
	data      map[string]string
}

// named is an issuer that somebody names, and what is known about it.
type named struct {
	kind, name string
	*issuer    // nil if it is not in the input
	path       string
}

func (n named) acme() bool { return n.issuer == nil || n.issuer.kind == controllers.KindACME }

// durations reports whether the issuer heeds a duration.
func (n named) durations() bool { return !n.acme() || n.issuer != nil && n.issuer.durations }

func (w *wish) put(key, text string) {
	if text != "" {
		w.data[key] = text
	}
}

// issuerRef finds the issuer that a Certificate names.
func (c *converter) issuerRef(in *input, ref *fields) (named, bool) {
	group := ref.text("group")
	by := named{kind: ref.text("kind"), name: ref.text("name"), path: ref.at}
	if by.kind == "" {
		by.kind = "Issuer"
	}
	if group != "" && group != groupCertManager && group != groupOld {
		in.lost(ref.path("group"), "%s %s is no issuer of cert-manager's own, and wildcast knows no other ones", by.kind, by.name)
		return by, false
	}
	return c.lookUp(in, by)
}

func (c *converter) lookUp(in *input, by named) (named, bool) {
	by.issuer = c.find(by.kind, in.name.Namespace, by.name)
	switch {
	case by.issuer == nil:
		in.note(by.path, "%s %s is not in the input: it is taken for one that orders over ACME, whose name stays", by.kind, by.name)
	case by.issuer.kind == "":
		in.lost(by.path, "%s %s has no counterpart", by.kind, by.name)
		return by, false
	}
	return by, true
}

// nameFor is the name of the issuer Secret that does what a wish takes.
func (c *converter) nameFor(w *wish, labels map[string]string) string {
	name := w.issuer.name
	if i := w.issuer.issuer; i != nil {
		if w.variant == nil {
			w.variant = i.pick(w.notes, "spec", w.dnsNames, labels)
		}
		name = w.variant.name
	}
	c.gate(w)
	return name
}

// gate sees to the namespaces to which an issuer of all lets wildcards go.
func (c *converter) gate(w *wish) {
	wild := slices.ContainsFunc(w.dnsNames, func(name string) bool { return strings.HasPrefix(name, "*.") })
	if !wild || w.namespace == c.Home || w.issuer.kind != "ClusterIssuer" {
		return
	}
	if w.variant == nil {
		w.note(w.issuer.path, "it has a wildcard, so the key sync of issuer %s must select namespace %s", w.issuer.name, w.namespace)
		return
	}
	w.variant.wild = append(w.variant.wild, w.namespace)
}

// names reads what the certificate is for.
func (w *wish) names(spec *fields) {
	w.dnsNames = spec.list("dnsNames")
	w.put("dnsNames", strings.Join(w.dnsNames, ", "))
	common := spec.text("commonName")
	w.put("commonName", common)
	if len(w.dnsNames) == 0 && common != "" && w.issuer.acme() {
		w.dnsNames = []string{common}
	}
	w.put("ipSans", w.notACME(spec, "ipAddresses"))
	w.put("uriSans", w.notACME(spec, "uris"))
	w.put("uriSans", w.notACME(spec, "uriSANs"))
}

const byCA = "an ACME CA decides this itself"

// notACME is a list that only issuers without ACME heed.
func (w *wish) notACME(spec *fields, key string) string {
	if w.issuer.acme() {
		spec.drop(byCA, key)
		return ""
	}
	return strings.Join(spec.list(key), ", ")
}

// configs reads what v1alpha1 says in a Certificate about its challenges.
func (c *converter) configs(w *wish, spec *fields) {
	for _, config := range spec.sub("acme").subs("config") {
		domains := config.list("domains")
		dns, pages := config.sub("dns01").text("provider"), config.sub("http01")
		class := pages.text("ingressClass")
		pages.drop("wildcast answers through an Ingress of its own", "ingress")
		if w.issuer.issuer != nil {
			w.chose(config.at, dns, config.has("http01"), class, domains)
		}
	}
}

// chose notes that somebody names a provider of v1alpha1, or pages.
func (w *wish) chose(path, provider string, pages bool, class string, domains []string) {
	for _, answer := range w.issuer.challenges {
		byDNS := provider != "" && answer.provider == provider
		byPages := pages && answer.variant.http01
		if !byDNS && !byPages {
			continue
		}
		if byPages && class != "" && answer.variant.class == "" {
			answer.variant.class = class
		}
		for _, domain := range domains {
			answer.domains = append(answer.domains, strings.TrimPrefix(domain, "*."))
		}
		slices.Sort(answer.domains)
		answer.domains = slices.Compact(answer.domains)
		if w.variant != nil && w.variant != answer.variant {
			w.lost(path, "some names are answered for through the DNS and some with pages; wildcast's issuer %s does one for all of them", w.variant.name)
			return
		}
		w.variant = answer.variant
		return
	}
	w.lost(path, "the issuer has no such challenge")
}
