package controllers

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/wildcast/wildcast/controllers/signers"
)

// This file is the limits that the owner of an issuer sets, with its keys zones and namespaces.

// permittedNames checks DNS names.
func permittedNames(names []string, issuer *Issuer) *Problem {
	for _, name := range names {
		if !within(name, issuer.Zones) {
			return &Problem{ReasonNotAllowed, fmt.Sprintf("Issuer %s may not certify %s: its zones are %s. Have its owner extend them, or name another issuer.",
				issuer.Name, name, strings.Join(issuer.Zones, ", "))}
		}
	}
	return nil
}

// permittedHosts checks the names that hosts have become.
func permittedHosts(names, hosts []string, issuer *Issuer) *Problem {
	problem := permittedNames(names, issuer)
	if problem != nil && permittedNames(hosts, issuer) == nil {
		problem.Note += fmt.Sprintf(` Or set the annotation %s: "false", for a certificate with exactly these hosts, which are in them.`, AnnotationWildcard)
	}
	return problem
}

// permittedTraits checks what else a certificate says. Zones name servers, so of an issuer that has some, who asks from
// another namespace chooses nothing by which a certificate would be more than such a server's:
//
//	common name, host of a URI          in the zones
//	IP address, subject                 none
//	extended usage                      server auth, or one of the issuer's own
func permittedTraits(t Traits, namespace string, issuer *Issuer) *Problem {
	what := issuer.beyondZones(t)
	if len(issuer.Zones) == 0 || namespace == issuer.Name.Namespace || what == "" {
		return nil
	}
	return &Problem{ReasonNotAllowed, fmt.Sprintf("Issuer %s may not certify %s for namespace %s: to other namespaces it certifies servers in its zones, %s. "+
		"Remove that, name another issuer, or have this one's owner ask for the certificate in namespace %s.",
		issuer.Name, what, namespace, strings.Join(issuer.Zones, ", "), issuer.Name.Namespace)}
}

// beyondZones names the first thing of the traits that zones do not hold, empty if they hold all.
func (i *Issuer) beyondZones(t Traits) (what string) {
	uri := slices.IndexFunc(t.URIs, func(uri string) bool { return !i.zoned(hostOf(uri)) })
	switch {
	case t.CommonName != "" && !i.zoned(t.CommonName):
		return fmt.Sprintf("the common name %.100q", t.CommonName)
	case uri >= 0:
		return fmt.Sprintf("the URI %.100s", t.URIs[uri])
	case len(t.IPs) > 0:
		return "the IP address " + t.IPs[0].String()
	case t.Subject.String() != "":
		return fmt.Sprintf("the subject %.100s", t.Subject)
	case !t.Usages.IsZero() && !i.grants(t.Usages):
		return "usages other than server auth"
	}
	return ""
}

// grants reports whether usages are a server's, or the issuer's own. Without an extended one a certificate is good for all.
func (i *Issuer) grants(usages signers.Usages) bool {
	return len(usages.Ext) > 0 && !slices.ContainsFunc(usages.Ext, func(usage x509.ExtKeyUsage) bool {
		return !slices.Contains(signers.ServerUsages.Ext, usage) && !slices.Contains(i.Usages.Ext, usage)
	})
}

// zoned reports whether text is a DNS name in the zones.
func (i *Issuer) zoned(text string) bool {
	names, err := canonicalNames([]string{text})
	return err == nil && within(names[0], i.Zones)
}

// hostOf is the host of a URI, empty if it has none.
func hostOf(text string) string {
	uri, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return uri.Hostname()
}

// permittedNamespace checks from where an issuer is asked.
func (r rules) permittedNamespace(namespace string, issuer *Issuer) *Problem {
	if issuer.Namespaces.Matches(r.namespaceLabels) {
		return nil
	}
	return &Problem{ReasonNotAllowed, fmt.Sprintf("Issuer %s does not serve namespace %s: it serves namespaces with %q. "+
		"Name another issuer, or have an administrator allow it: %s",
		issuer.Name, namespace, issuer.Namespaces, labelCommand(namespace, issuer.Namespaces.String()))}
}
