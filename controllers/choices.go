package controllers

import (
	"errors"
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// choice is an annotation by which an Ingress chooses a trait.
type choice struct {
	annotation string
	read       func(*Traits, string) error
}

// choices are ours, and with certManager those of cert-manager that have a counterpart here. Where both are given, ours
// count, since they are read first and [Traits.or] leaves them.
func choices() []choice {
	return []choice{
		{AnnotationKeyType, traitKeys["keyType"]},
		{AnnotationDuration, traitKeys["duration"]},
		{AnnotationRenewBefore, traitKeys["renewBefore"]},
		{AnnotationProfile, traitKeys["profile"]},
		{AnnotationPreferredChain, traitKeys["preferredChain"]},
	}
}

// traitsOf reads what an Ingress chooses, and what of it cannot be had from the issuer; nil for an issuer that is not known.
func traitsOf(ing *networkingv1.Ingress, issuer *Issuer) (traits Traits, problems []Problem) {
	var faults []error
	for _, c := range choices() {
		v := strings.TrimSpace(ing.Annotations[c.annotation])
		if v == "" {
			continue
		}
		if err := c.read(&traits, v); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", c.annotation, err))
		}
	}
	if issuer != nil {
		faults = append(faults, traits.fits(issuer.Kind))
	}
	if err := errors.Join(faults...); err != nil {
		return Traits{}, []Problem{{ReasonInvalidIngress, fmt.Sprintf("Annotation %s.", strings.ReplaceAll(err.Error(), "\n", "; "))}}
	}
	return traits, nil
}
