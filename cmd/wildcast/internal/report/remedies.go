package report

import (
	"strings"

	"github.com/wildcast/wildcast/acmeclient"
)

// remedies are what to do about what a CA says of a DOMAIN (RFC 8555 §6.7), by its type, and where that matters by the
// challenge's.
var remedies = map[string]string{
	"caa":                "A CAA record of DOMAIN, or of a domain above it, keeps this CA out: name the CA there, or remove the record.",
	"dns":                "The CA could not ask the DNS servers of DOMAIN: check the delegation and DNSSEC from outside, as with https://dnsviz.net.",
	"rejectedIdentifier": "This CA does not certify DOMAIN: use another CA, or take the name out.",
	"connection":         "The CA could not reach DOMAIN: its address in the public DNS, and port 80 there, have to lead to this cluster.",
	"tls":                "The CA was led to HTTPS that it could not use at DOMAIN: let /.well-known/acme-challenge/ be served at port 80.",

	"unauthorized " + acmeclient.HTTP01:       otherPage,
	"incorrectResponse " + acmeclient.HTTP01:  otherPage,
	"unauthorized " + acmeclient.DNS01:        otherRecord,
	"incorrectResponse " + acmeclient.DNS01:   otherRecord,
	"unauthorized " + acmeclient.DNSPersist01: otherRecord,
}

const (
	otherPage   = "Another page than wildcast's answered the CA: the addresses of DOMAIN in the public DNS, those of IPv6 too, have to lead to this cluster."
	otherRecord = "The CA did not see the record at DOMAIN that wildcast saw: where the cluster's DNS shows another view of the zone than the world's, " +
		"give the solver nameservers that show the world's, such as 8.8.8.8:53."
)

// remedy is what to do about the first authorization that has failed, empty if that is not known.
func remedy(all []acmeclient.Authorization) string {
	for _, a := range all {
		for _, key := range []string{a.ErrorType, a.ErrorType + " " + a.Challenge} {
			if text := remedies[key]; text != "" {
				return strings.ReplaceAll(text, "DOMAIN", domainOf(a.Name))
			}
		}
	}
	return ""
}
