package controllers

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
	"k8s.io/apimachinery/pkg/util/validation"
)

// canonicalNames returns names in lower case and punycode, without trailing dots, sorted, each once. The error is about the
// first that cannot be a DNS name, and those that can are there with it; a leading "*." may stand.
func canonicalNames(names []string) (out []string, fault error) {
	for _, name := range names {
		canonical, err := canonicalName(name)
		if err != nil {
			fault = cmp.Or(fault, err)
			continue
		}
		out = append(out, canonical)
	}
	slices.Sort(out)
	return slices.Compact(out), fault
}

func canonicalName(name string) (string, error) {
	bare, wild := strings.CutPrefix(strings.TrimSuffix(strings.TrimSpace(name), "."), "*.")
	ascii, err := idna.Lookup.ToASCII(bare)
	switch {
	case isAddress(bare), isAddress(ascii):
		return "", fmt.Errorf("%q is an IP address: only issuers of kind ca, selfsigned and vault certify those, with ipSans", name)
	case err != nil, len(validation.IsDNS1123Subdomain(ascii)) > 0, slices.ContainsFunc(strings.Split(ascii, "."), isLong):
		return "", fmt.Errorf("%q is not a DNS name", name)
	case wild:
		return "*." + ascii, nil
	}
	return ascii, nil
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

// isLong reports whether no DNS name can have the label (RFC 1035 §2.3.4).
func isLong(label string) bool { return len(label) > 63 }

// widen returns the wildcard that covers a host, as the table says.
//
//	wiki.example.com      *.example.com
//	*.example.com         *.example.com
//	example.com           example.com       its parent com is a public suffix
//	wiki.github.io        wiki.github.io    its parent github.io is one too: another's names are under it
//	localhost             localhost
func widen(host string) string {
	if strings.HasPrefix(host, "*.") {
		return host
	}
	_, parent, found := strings.Cut(host, ".")
	if !found {
		return host
	}
	if suffix, _ := publicsuffix.PublicSuffix(parent); suffix == parent {
		return host
	}
	return "*." + parent
}

// widenAll widens hosts and drops what a wildcard among the results covers: CAs refuse such redundant names.
func widenAll(hosts []string) []string {
	names := make([]string, 0, len(hosts))
	for _, host := range hosts {
		names = append(names, widen(host))
	}
	return irredundant(names)
}

// irredundant returns names sorted, each once, without those that a wildcard among them covers.
func irredundant(names []string) []string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, parent, found := strings.Cut(name, ".")
		return found && !strings.HasPrefix(name, "*.") && slices.Contains(names, "*."+parent)
	})
}

// covers reports whether a certificate with the names have serves all of want. A wildcard covers one label:
// *.example.com covers a.example.com, neither example.com nor a.b.example.com (RFC 6125 §6.4.3).
func covers(have, want []string) bool {
	for _, name := range want {
		_, parent, _ := strings.Cut(name, ".")
		if !slices.Contains(have, name) && (strings.HasPrefix(name, "*.") || !slices.Contains(have, "*."+parent)) {
			return false
		}
	}
	return true
}

func isWildcard(name string) bool { return strings.HasPrefix(name, "*.") }

// bases returns the base domains of names: each without its "*.", sorted, each once.
func bases(names []string) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		out = append(out, strings.TrimPrefix(name, "*."))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// within reports whether name is one of zones or below one. No zones hold every name.
func within(name string, zones []string) bool {
	bare := strings.TrimPrefix(name, "*.")
	return len(zones) == 0 || slices.ContainsFunc(zones, func(zone string) bool {
		return bare == zone || strings.HasSuffix(bare, "."+zone)
	})
}
