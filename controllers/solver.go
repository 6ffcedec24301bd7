package controllers

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/wildcast/wildcast/acmeclient/dns01"
)

// setting matches the names that DNS vendors' settings have in lego's documentation.
var setting = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// ParseSolver reads a solver Secret. Keys in capitals are the vendor's settings under the names of lego's documentation.
// The error names each faulty key and the remedy, separated by "; ". Only in the home namespace may a solver use the
// pod's own credentials, and run those of the operator's programs that are in the folder, if there is one.
func ParseSolver(s *corev1.Secret, home, programs string) (dns01.Settings, error) {
	solver := dns01.Settings{Name: s.Namespace + "/" + s.Name, FollowCNAME: true, Programs: programs, Env: map[string]string{}}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(s.Data)) {
		if err := setSolver(&solver, key, strings.TrimSpace(string(s.Data[key]))); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", key, err))
		}
	}
	if solver.Ambient && s.Namespace != home {
		faults = append(faults, fmt.Errorf("ambient: only solvers in namespace %s may use the pod's own credentials; give credentials of your own", home))
	}
	if err := errors.Join(faults...); err != nil {
		return dns01.Settings{}, errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if err := solver.Validate(); err != nil {
		return dns01.Settings{}, err
	}
	return solver, nil
}

func setSolver(s *dns01.Settings, key, v string) (err error) {
	switch key {
	case "provider":
		s.Provider = v
	case "zones":
		s.Zones, err = canonicalNames(splitList(v))
	case "nameservers":
		s.Nameservers = splitList(v)
	case "recursiveOnly":
		s.RecursiveOnly, err = parseBool(v)
	case "onTimeout":
		s.Proceed, err = parseOnTimeout(v)
	case "followCNAME":
		s.FollowCNAME, err = parseBool(v)
	case "ambient":
		s.Ambient, err = parseBool(v)
	default:
		if !setting.MatchString(key) {
			return errors.New("unknown key; write provider, zones, nameservers, recursiveOnly, onTimeout, followCNAME, ambient, " +
				"or a setting of the DNS vendor in capitals as lego's documentation names it, such as CF_DNS_API_TOKEN")
		}
		s.Env[key] = v
	}
	return err
}

func parseOnTimeout(v string) (proceed bool, err error) {
	switch v {
	case "fail":
		return false, nil
	case "proceed":
		return true, nil
	}
	return false, fmt.Errorf(`%q is neither "fail" nor "proceed"`, v)
}
