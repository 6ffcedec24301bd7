package convert

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/controllers"
)

// Options say how to convert.
type Options struct {
	Home      string // wildcast's own namespace, where cert-manager keeps what ClusterIssuers refer to
	Namespace string // of objects that name none
	All       bool   // pass on what needs no conversion
	KeepKubed bool   // leave kubed's annotations on sources, which wildcast reads as well
}

// Result is what comes of a conversion.
type Result struct {
	Objects []map[string]any // issuers and what they need, then certificates, Ingresses and Gateways, sources, and what was passed on
	Remarks []Remark
}

// Complete reports whether everything was carried over.
func (r Result) Complete() bool {
	return !slices.ContainsFunc(r.Remarks, func(r Remark) bool { return r.Lost })
}

// converter is one conversion.
type converter struct {
	Options
	inputs  []*input
	remarks []Remark
	secrets map[types.NamespacedName]*input
	kept    map[types.NamespacedName]*input // Certificates, Ingresses and Gateways by the TLS Secrets that they ask for
	issuers []*issuer                       // as they stand in the input
	taken   map[types.NamespacedName]bool   // names of Secrets that are there, or will be
	solvers map[string]*solver              // by namespace and zone
	flags   flags
}

// Convert converts objects that belong together: what refers to another object of the input finds it there.
func Convert(objects []Object, o Options) Result {
	c := &converter{Options: o, secrets: map[types.NamespacedName]*input{}, kept: map[types.NamespacedName]*input{},
		taken: map[types.NamespacedName]bool{}, solvers: map[string]*solver{}}
	c.read(objects)
	var requests, sources, rest []map[string]any
	for _, in := range c.inputs {
		switch {
		case in.ofCertManager("Certificate"):
			requests = append(requests, c.certificate(in)...)
		case in.asksByAnnotation():
			requests = append(requests, c.annotated(in)...)
		}
	}
	made := c.renderIssuers() // after those who ask, since it depends on them
	for _, in := range c.inputs {
		switch {
		case c.isSource(in):
			sources = append(sources, c.source(in)...)
		case in.emitted:
		case in.used:
			in.unreadIf(in.ofCertManager(in.kind))
		default:
			in.leftToCertManager()
			rest = append(rest, in.content)
		}
	}
	if !o.All {
		c.leave(rest)
		rest = nil
	}
	c.sortRemarks()
	return Result{slices.Concat(made, requests, sources, rest), c.remarks}
}

// read gives each object its place.
func (c *converter) read(objects []Object) {
	for _, o := range objects {
		in := newInput(o, &c.remarks, c.Namespace)
		c.inputs = append(c.inputs, in)
		if in.isSecret() {
			c.secrets[in.name], c.taken[in.name] = in, true
		}
	}
	for _, in := range c.inputs {
		c.claim(in)
	}
	for _, in := range c.inputs {
		switch {
		case in.ofCertManager("ClusterIssuer"), in.ofCertManager("Issuer"):
			c.issuers = append(c.issuers, c.readIssuer(in))
		case in.kind == "Deployment" || in.kind == "Pod":
			c.readFlags(in)
		case in.ofCertManager("Certificate"):
		case strings.HasSuffix(in.group, groupCertManager), in.group == groupOld:
			in.leaveOut()
		}
	}
}

// leaveOut is for all other kinds of cert-manager's and what belongs to it. Orders, challenges and requests are what it keeps
// in mind itself.
func (in *input) leaveOut() {
	in.used = true
	in.skip(keysOf(in.all)...)
	if !slices.Contains([]string{"Order", "Challenge", "CertificateRequest"}, in.kind) {
		in.lost("", "wildcast has no counterpart of this kind")
	}
}

// claim notes the names of Secrets that an object speaks of.
func (c *converter) claim(in *input) {
	spec, _ := in.content["spec"].(map[string]any)
	switch {
	case in.ofCertManager("ClusterIssuer"), in.ofCertManager("Issuer"):
		c.claimRefs(c.homeOf(in), spec)
	case in.ofCertManager("Certificate"):
		if name, _ := spec["secretName"].(string); c.madeFor(in) == nil {
			c.keep(in, name)
		}
	case in.asksByAnnotation():
		unheard := newFields(notes{to: new([]Remark)}, "", in.content) // it is told when the object is converted
		for _, e := range entriesOf(in, unheard) {
			c.keep(in, e.secret)
		}
	}
}

func (c *converter) keep(in *input, secret string) {
	if secret == "" {
		return
	}
	name := types.NamespacedName{Namespace: in.name.Namespace, Name: secret}
	c.taken[name] = true
	if before := c.kept[name]; in.optsIn() && (before == nil || before.asksByAnnotation()) {
		c.kept[name] = in
	}
}

// claimRefs finds references to Secrets, wherever they are.
func (c *converter) claimRefs(namespace string, in map[string]any) {
	for key, value := range in {
		switch value := value.(type) {
		case map[string]any:
			if name, _ := value["name"].(string); strings.HasSuffix(key, "Ref") && name != "" {
				c.taken[types.NamespacedName{Namespace: namespace, Name: name}] = true
			}
			c.claimRefs(namespace, value)
		case []any:
			for _, item := range value {
				below, _ := item.(map[string]any)
				c.claimRefs(namespace, below)
			}
		case string:
			if key == "secretName" {
				c.taken[types.NamespacedName{Namespace: namespace, Name: value}] = true
			}
		}
	}
}

// homeOf is the namespace in which an issuer's Secrets are.
func (c *converter) homeOf(issuer *input) string {
	if issuer.kind == "ClusterIssuer" {
		return c.Home
	}
	return issuer.name.Namespace
}

// free takes the first of the names, and of numbers behind the last one, that no Secret has.
func (c *converter) free(namespace string, names ...string) string {
	last := names[len(names)-1]
	for n := 2; ; n++ {
		for _, name := range names {
			if at := (types.NamespacedName{Namespace: namespace, Name: name}); !c.taken[at] {
				c.taken[at] = true
				return name
			}
		}
		names = []string{fmt.Sprintf("%s-%d", last, n)}
	}
}

// leftToCertManager reports what cert-manager does for objects of other kinds: it writes CAs into webhooks. Its annotations
// on Secrets are for people.
func (in *input) leftToCertManager() {
	if in.isSecret() || in.asksByAnnotation() {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(in.annotations)) {
		for _, prefix := range certManagerPrefixes {
			switch path := "metadata.annotations[" + key + "]"; {
			case !strings.HasPrefix(key, prefix):
			case in.kind == "Gateway" && in.group == groupIstio:
				in.note(path, "cert-manager made nothing for a Gateway of Istio; wildcast does, with %s", controllers.AnnotationIssuer)
			default:
				in.lost(path, "wildcast heeds it on Ingresses and Gateways alone; what makes a certificate for this %s is a standing certificate", in.kind)
			}
		}
	}
}

// sortRemarks puts them in the order of the objects that they are about, those about no object last.
func (c *converter) sortRemarks() {
	at := map[string]int{"": len(c.inputs)}
	for i, in := range c.inputs {
		at[in.notes.object] = i
	}
	slices.SortStableFunc(c.remarks, func(a, b Remark) int { return at[a.Object] - at[b.Object] })
}

// leave tells what was not converted, and why it is not among the output.
func (c *converter) leave(rest []map[string]any) {
	count := map[string]int{}
	for _, object := range rest {
		kind, _ := object["kind"].(string)
		count[kind]++
	}
	if len(count) == 0 {
		return
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%d %s", count[kind], kind))
	}
	c.remarks = append(c.remarks, Remark{Text: "objects that need no conversion were left out: " + strings.Join(parts, ", ") + "; --all passes them on"})
}
