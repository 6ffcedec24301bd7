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
	if err := inOneLine(faults); err != nil {
		return dns01.Settings{}, err
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

// readiness is what a valid solver's owner has to know. Records that stay can be made before any certificate is asked for:
// they name the accounts of the issuers beside the solver.
func readiness(solver dns01.Settings, accounts []*corev1.Secret) string {
	const complete = "The settings are complete."
	if solver.Provider != dns01.Persist {
		return complete
	}
	var values []string
	for _, account := range accounts {
		domains, url := splitList(string(account.Data[accountCAs])), string(account.Data[accountURL])
		if len(domains) > 0 && url != "" {
			values = append(values, fmt.Sprintf("%q for issuer %s", dns01.PersistentValue(domains[0], url, true), issuerOf(nameOf(account)).Name))
		}
	}
	if len(values) == 0 {
		return complete + " No issuer beside it has an account yet: the records to create are shown here once one has."
	}
	slices.Sort(values)
	return complete + " Create a TXT record for each name that certificates shall have, as _validation-persist.example.com for " +
		"example.com and *.example.com, with the value " + strings.Join(values, ", or ") + "."
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
