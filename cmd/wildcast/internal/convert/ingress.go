package convert

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/controllers"
)

// certManagerPrefixes are those of cert-manager's annotations.
var certManagerPrefixes = []string{groupCertManager + "/", groupOld + "/", "acme.cert-manager.io/"}

// annotated is an Ingress or a Gateway with wildcast's annotations instead of cert-manager's.
func (c *converter) annotated(in *input) []map[string]any {
	a := newAnnotations(in)
	by, asks := c.asksFor(in, a)
	if !asks {
		return nil
	}
	in.used, in.emitted = true, true
	w := &wish{notes: in.notes, issuer: by, namespace: in.name.Namespace, data: map[string]string{}}
	entries := entriesOf(in, in.fields)
	if by.name != "" {
		w.data["issuer"] = c.issuerOfEntries(w, a, entries, in.labels)
	}
	a.traits(w, entries)
	a.unread()
	for key, annotation := range annotationKeys {
		if text := w.data[key]; text != "" {
			a.rest[annotation] = text
		}
	}
	a.rest[controllers.AnnotationWildcard] = "false"
	for _, e := range entries {
		secret := types.NamespacedName{Namespace: in.name.Namespace, Name: e.secret}
		if c.kept[secret] == in { // and no Certificate of its own
			c.handOver(w, e.path, secret, e.hosts)
		}
	}
	in.dated()
	return []map[string]any{in.clean(a.rest)}
}

// dated notes an API version that is served no more. Gateways of v1beta1 are.
func (in *input) dated() {
	version, last, current := in.text("apiVersion"), "beta1", "networking.k8s.io/v1"
	if in.isGateway() {
		last, current = "alpha2", groupGateway+"/v1"
	}
	if strings.HasSuffix(version, last) {
		in.note("apiVersion", "no current API server takes %s: make it %s", version, current)
	}
}

// annotationKeys are the annotations for what a standing certificate says with keys.
var annotationKeys = map[string]string{
	"issuer":       controllers.AnnotationIssuer,
	"keyType":      controllers.AnnotationKeyType,
	"duration":     controllers.AnnotationDuration,
	"renewBefore":  controllers.AnnotationRenewBefore,
	"dnsNames":     controllers.AnnotationDNSNames,
	"secretLabels": controllers.AnnotationSecretLabels,
}

// annotations are those of an Ingress or a Gateway: cert-manager's under their names without a prefix, and the rest.
type annotations struct {
	in    *input
	asked map[string]string // what is left to be read
	keys  map[string]string // the whole names
	rest  map[string]string
}

func newAnnotations(in *input) *annotations {
	a := &annotations{in: in, asked: map[string]string{}, keys: map[string]string{}, rest: maps.Clone(in.annotations)}
	for key, value := range in.annotations {
		for _, prefix := range certManagerPrefixes {
			if short, theirs := strings.CutPrefix(key, prefix); theirs {
				delete(a.rest, key)
				a.asked[short], a.keys[short] = value, key
			}
		}
	}
	return a
}

// optsIn reports whether the object asks for a certificate, and does not just use what is in a Secret.
func (in *input) optsIn() bool {
	asked := newAnnotations(in).asked
	return !in.asksByAnnotation() || asked["cluster-issuer"] != "" || asked["issuer"] != "" || in.annotations[controllers.AnnotationTLSACME] == "true"
}

func (a *annotations) path(short string) string { return "metadata.annotations[" + a.keys[short] + "]" }

func (a *annotations) take(short string) string {
	value := a.asked[short]
	delete(a.asked, short)
	return value
}

func (a *annotations) lost(short, format string, args ...any) {
	if _, found := a.asked[short]; found {
		a.in.lost(a.path(short), format, args...)
		delete(a.asked, short)
	}
}

// unread reports what nobody has taken.
func (a *annotations) unread() {
	for _, short := range slices.Sorted(maps.Keys(a.asked)) {
		a.lost(short, "wildcast knows no such annotation; a standing certificate for its Secret may say it")
	}
}

// asksFor finds the issuer that the annotations name. Without a name it is the controller's default.
func (c *converter) asksFor(in *input, a *annotations) (named, bool) {
	by := named{kind: "ClusterIssuer", path: a.path("cluster-issuer")}
	if by.name = a.take("cluster-issuer"); by.name == "" {
		by.kind, by.path = "Issuer", a.path("issuer")
		by.name = a.take("issuer")
		if kind := a.take("issuer-kind"); kind != "" {
			by.kind = kind
		}
	}
	switch group := a.asked["issuer-group"]; {
	case group == groupCertManager || group == groupOld:
		a.take("issuer-group")
	case group != "":
		a.lost("issuer-group", "wildcast knows no issuers but cert-manager's own; the %s is left as it is", in.kind)
		return by, false
	}
	if by.name != "" {
		return c.lookUp(in, by)
	}
	if in.annotations[controllers.AnnotationTLSACME] != "true" {
		a.unread()
		return by, false
	}
	in.note("metadata.annotations["+controllers.AnnotationTLSACME+"]", "kept: wildcast heeds it with --default-issuer=NAME")
	return by, true
}

// entry asks for hosts in a Secret: one of spec.tls, or the listeners of a Gateway with this Secret.
type entry struct {
	secret string
	path   string // of the Secret's name
	hosts  []string
}

// entriesOf are what an Ingress or a Gateway asks for, as f reads it.
func entriesOf(in *input, f *fields) (all []entry) {
	spec := f.sub("spec")
	if in.isGateway() {
		return entriesOfListeners(spec.subs("listeners"), in.name.Namespace)
	}
	for _, f := range spec.subs("tls") {
		e := entry{f.text("secretName"), f.path("secretName"), f.list("hosts")}
		all = append(all, e)
		if e.secret == "" || len(e.hosts) == 0 {
			f.note(f.at, "wildcast needs hosts and secretName, as cert-manager did")
		}
	}
	return all
}

// issuerOfEntries is the issuer Secret for all entries, since the annotations name one.
func (c *converter) issuerOfEntries(w *wish, a *annotations, entries []entry, labels map[string]string) string {
	kind, provider := a.take("acme-challenge-type"), a.take("acme-dns01-provider")
	var all []string
	for _, e := range entries {
		all = append(all, e.hosts...)
	}
	w.dnsNames = all
	if kind != "" && w.issuer.issuer != nil {
		w.chose(a.path("acme-challenge-type"), provider, kind == "http01", "", all)
	}
	name := c.nameFor(w, labels)
	class := a.take("http01-ingress-class") + a.take("http01-ingress-ingressclassname")
	if class != "" && (w.variant == nil || w.variant.class != class) {
		w.lost("metadata.annotations", "the class of Ingresses that answer challenges, %s, is a key of the issuer, ingressClass", class)
	}
	a.take("http01-edit-in-place") // wildcast's own Ingress may share the host
	if v := w.variant; a.in.isGateway() && v != nil && v.http01 && v.class == "" {
		w.lost(w.issuer.path, "issuer %s answers the CA through an Ingress, which is not where a Gateway answers; have it answer through the DNS, "+
			"or, if an Ingress controller answers at port 80 of these hosts, give it that one's class as ingressClass", name)
	}
	return name
}

// traits reads what else annotations can choose.
func (a *annotations) traits(w *wish, entries []entry) {
	if w.issuer.durations() {
		w.put("duration", a.take("duration"))
	} else {
		a.lost("duration", "%s, and cert-manager did not ask for it either without enableDurationFeature", byCA)
	}
	w.put("renewBefore", a.take("renew-before"))
	path := a.path("private-key-algorithm")
	w.put("keyType", w.keyType(path, a.take("private-key-algorithm"), a.take("private-key-size")))
	w.encoding(a.path("private-key-encoding"), a.take("private-key-encoding"))
	if strings.EqualFold(a.asked["private-key-rotation-policy"], "Always") {
		a.take("private-key-rotation-policy") // as wildcast does
	}
	a.lost("private-key-rotation-policy", "it is a key of the issuer, rotateKey")
	a.lost("revision-history-limit", "wildcast keeps the last order, not a history")
	a.names(w, entries)
	a.secretLabels(w)
	if w.issuer.acme() {
		for _, short := range slices.Sorted(maps.Keys(a.asked)) {
			if short == "usages" || short == "ip-sans" || short == "uri-sans" || strings.HasPrefix(short, "subject-") {
				a.lost(short, byCA)
			}
		}
	}
}

// names are those beside the hosts. An ACME CA takes a common name for one name more.
func (a *annotations) names(w *wish, entries []entry) {
	more := strings.FieldsFunc(a.take("alt-names"), func(r rune) bool { return r == ',' || r == ' ' })
	if w.issuer.acme() {
		if common := a.take("common-name"); common != "" {
			more = append(more, common)
		}
	}
	more = slices.DeleteFunc(more, func(name string) bool {
		return !slices.ContainsFunc(entries, func(e entry) bool { return !slices.Contains(e.hosts, name) })
	})
	slices.Sort(more)
	w.put("dnsNames", strings.Join(slices.Compact(more), ","))
}

// secretLabels are the labels of a secret-template.
func (a *annotations) secretLabels(w *wish) {
	text, found := a.asked["secret-template"]
	if !found {
		return
	}
	var template struct{ Labels, Annotations map[string]string }
	if err := json.Unmarshal([]byte(text), &template); err != nil {
		a.lost("secret-template", "it is no JSON")
		return
	}
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(template.Labels)) {
		pairs = append(pairs, key+"="+template.Labels[key])
	}
	w.put("secretLabels", strings.Join(pairs, ","))
	if len(template.Annotations) > 0 {
		a.lost("secret-template", "annotations %s: what is asked for by annotation gets labels only; a standing certificate gives both",
			strings.Join(slices.Sorted(maps.Keys(template.Annotations)), ", "))
	}
	a.take("secret-template")
}
