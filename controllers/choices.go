package controllers

import (
	"fmt"
	"slices"
	"strings"
)

// choice is an annotation by which an asker chooses a trait.
type choice struct {
	annotation string
	read       func(*Traits, string) error
}

// choices are read in this order, so that the later one counts: ours, where cert-manager's are heeded too.
var choices = []choice{
	{AnnotationKeyType, traitKeys["keyType"]},
	{AnnotationDuration, traitKeys["duration"]},
	{AnnotationRenewBefore, traitKeys["renewBefore"]},
	{AnnotationProfile, traitKeys["profile"]},
	{AnnotationPreferredChain, traitKeys["preferredChain"]},
}

// certManagerChoices are those of cert-manager that have a counterpart.
var certManagerChoices = []choice{
	{certManagerPrefix + "common-name", func(t *Traits, v string) error { t.CommonName = v; return nil }},
	{certManagerPrefix + "renew-before", traitKeys["renewBefore"]},
	{certManagerPrefix + "private-key-rotation-policy", setRotationPolicy},
}

// certManagerDuration is not for ACME CAs: cert-manager does not tell them, and some refuse an order that says it.
var certManagerDuration = choice{certManagerPrefix + "duration", traitKeys["duration"]}

// certManagerSignerChoices are left to ACME CAs and Vault, which decide about them.
var certManagerSignerChoices = []choice{
	{certManagerPrefix + "usages", traitKeys["usages"]},
	{certManagerPrefix + "ip-sans", traitKeys["ipSans"]},
	{certManagerPrefix + "uri-sans", traitKeys["uriSans"]},
	{certManagerPrefix + "subject-organizations", addSubject("O")},
	{certManagerPrefix + "subject-organizationalunits", addSubject("OU")},
	{certManagerPrefix + "subject-countries", addSubject("C")},
	{certManagerPrefix + "subject-provinces", addSubject("ST")},
	{certManagerPrefix + "subject-localities", addSubject("L")},
	{certManagerPrefix + "subject-streetaddresses", addSubject("STREET")},
	{certManagerPrefix + "subject-postalcodes", addSubject("POSTALCODE")},
}

const certManagerPrefix = "cert-manager.io/"

func addSubject(part string) func(*Traits, string) error {
	return func(t *Traits, v string) error {
		values := subjectParts[part](&t.Subject)
		*values = append(*values, splitLines(v)...)
		return nil
	}
}

func setRotationPolicy(t *Traits, v string) error {
	if v != "Always" && v != "Never" {
		return fmt.Errorf("%q is neither Always nor Never", v)
	}
	rotate := v == "Always"
	t.RotateKey = &rotate
	return nil
}

// certManagerKeyType is the key type that cert-manager's two annotations stand for, empty for none.
func certManagerKeyType(algorithm, size string) (KeyType, error) {
	types := map[string]KeyType{
		"RSA": RSA2048, "RSA 2048": RSA2048, "RSA 3072": RSA3072, "RSA 4096": RSA4096,
		"ECDSA": EC256, "ECDSA 256": EC256, "ECDSA 384": EC384, "Ed25519": Ed25519,
	}
	asked := strings.TrimSpace(algorithm + " " + size)
	if found, ok := types[asked]; ok || asked == "" {
		return found, nil
	}
	if found, ok := types["RSA "+asked]; ok {
		return found, nil
	}
	return "", fmt.Errorf("private-key-algorithm, private-key-size: %q is not supported; use RSA with 2048, 3072 or 4096, ECDSA with 256 or 384, or Ed25519", asked)
}

// traitsOf reads what an asker chooses. The error names each annotation, its fault and the remedy, also if it is that
// the issuer cannot do it.
func (r rules) traitsOf(q *request, issuer *Issuer) (traits Traits, err error) {
	heeded := choices
	var faults []error
	if r.certManagerAnnotations {
		heeded = slices.Concat(certManagerChoices, choices)
		if issuer.Kind != KindACME {
			heeded = slices.Concat([]choice{certManagerDuration}, heeded)
		}
		if issuer.Kind == KindCA || issuer.Kind == KindSelfSigned {
			heeded = slices.Concat(certManagerSignerChoices, heeded)
		}
		traits.KeyType, err = certManagerKeyType(q.annotations[certManagerPrefix+"private-key-algorithm"], q.annotations[certManagerPrefix+"private-key-size"])
		faults = append(faults, err)
	}
	for _, c := range heeded {
		if v := strings.TrimSpace(q.annotations[c.annotation]); v != "" {
			if err := c.read(&traits, v); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", c.annotation, err))
			}
		}
	}
	if traits.Duration > 0 && traits.RenewBefore >= traits.Duration {
		faults = append(faults, fmt.Errorf("%s: %s is not shorter than the duration, %s", AnnotationRenewBefore, traits.RenewBefore, traits.Duration))
	}
	if issuer.Kind != "" {
		faults = append(faults, traits.fits(issuer.Kind))
	}
	return traits, inOneLine(faults)
}

// moreNames are the names that an asker adds to the hosts of each of its entries. An ACME CA has no use for a common
// name that is not among them.
func (r rules) moreNames(q *request, issuer *Issuer, commonName string) ([]string, error) {
	names := splitList(q.annotations[AnnotationDNSNames])
	if r.certManagerAnnotations {
		names = append(names, splitList(q.annotations[certManagerPrefix+"alt-names"])...)
	}
	if issuer.Kind == KindACME && commonName != "" {
		names = append(names, commonName)
	}
	names, err := canonicalNames(names)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; correct it", AnnotationDNSNames, err)
	}
	return names, nil
}
