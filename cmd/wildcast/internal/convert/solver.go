package convert

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/controllers"
)

// solver is a solver Secret.
type solver struct {
	name types.NamespacedName // once it is rendered
	of   string               // the issuer that it was made for
	data settings
}

// readDNS reads a DNS-01 solver, or what v1alpha1 called a provider.
func (c *converter) readDNS(i *issuer, answer *challenge, f *fields) {
	answer.variant = i.variant(false, "")
	i.challenges = append(i.challenges, answer)
	s := &solver{data: settings{}}
	// cert-manager goes by the name alone unless it is told to follow. There may be a CNAME all the same: that of a wildcard.
	s.data.put("followCNAME", fmt.Sprint(f.text("cnameStrategy") == "Follow"))
	v := vendor{c, i, s}
	for _, key := range slices.Sorted(maps.Keys(f.all)) {
		if read, known := vendors[strings.ToLower(key)]; known && f.has(key) {
			read(v, f.sub(key))
		}
	}
	if s.data["provider"].text == "" {
		for _, key := range slices.Sorted(maps.Keys(f.all)) {
			if key != "name" && key != "cnameStrategy" && key != "webhook" {
				f.drop("wildcast does not know which of lego's vendors this is; make a solver Secret for it", key)
			}
		}
		return
	}
	answer.solver = s
}

// zonesOfProviders gives v1alpha1's providers the domains for which Certificates named them.
func (c *converter) zonesOfProviders(i *issuer) {
	var named []*challenge
	for _, answer := range i.challenges {
		if answer.provider != "" {
			named = append(named, answer)
		}
	}
	if len(named) < 2 {
		return
	}
	for _, answer := range named {
		answer.zones = answer.domains
		if len(answer.zones) == 0 {
			i.lost(answer.at, "no Certificate of the input names provider %s, so nobody knows its zones: set them", answer.provider)
			answer.solver = nil
		}
	}
}

// selects are a challenge's zones. A name is the zone of itself, and of what is below it.
func (i *issuer) selects(answer *challenge) []string {
	var zones []string
	for _, zone := range answer.zones {
		zones = append(zones, strings.TrimPrefix(zone, "*."))
	}
	for _, name := range answer.names {
		zones = append(zones, strings.TrimPrefix(name, "*."))
		i.note(answer.at+".selector.dnsNames", "the solver for the name %s is one for all that is below it as well", name)
	}
	slices.Sort(zones)
	zones = slices.Compact(zones)
	for _, k := range slices.Sorted(maps.Keys(answer.labels)) {
		i.lost(answer.at+".selector.matchLabels", "a solver of wildcast's is chosen by zones, not by the label %s=%s of who asks", k, answer.labels[k])
	}
	return zones
}

// renderSolver is the Secret of a challenge, unless there is one for its zones: all issuers of a namespace share the solvers
// there.
func (c *converter) renderSolver(i *issuer, answer *challenge) []map[string]any {
	if answer.solver == nil {
		return nil
	}
	zones := i.selects(answer)
	var open []string
	for _, zone := range either(zones, "") {
		switch other := c.solvers[i.home+"/"+zone]; {
		case other == nil:
			open = append(open, zone)
		case !maps.Equal(other.data.texts(), answer.solver.data.texts()):
			i.lost(answer.at, "Secret %s, made for issuer %s, answers for %s already, for all issuers of namespace %s; set zones of both, or keep the issuers in two namespaces",
				other.name, other.of, cmp.Or(zone, "all names"), i.home)
		}
	}
	if len(open) == 0 {
		return nil
	}
	s := answer.solver
	s.of = i.variants[0].name
	s.name = types.NamespacedName{Namespace: i.home, Name: c.free(i.home, s.of+"-dns01")}
	for _, zone := range open {
		c.solvers[i.home+"/"+zone] = s
	}
	data := maps.Clone(s.data)
	data.put("zones", strings.Trim(strings.Join(open, ","), ","))
	data.put("nameservers", c.flags.nameservers)
	data.put("recursiveOnly", c.flags.recursiveOnly)
	return []map[string]any{makeSecret(i.notes, s.name, string(controllers.TypeSolver), metadata{}, data)}
}

// either is a list, or one item if it is empty.
func either(list []string, otherwise string) []string {
	if len(list) == 0 {
		return []string{otherwise}
	}
	return list
}
