package controllers

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wildcast/wildcast/acmeclient/dns01"
	"github.com/wildcast/wildcast/controllers/signers/vault"
)

// policy is a file of manifests/admission, with blanks where lines are folded.
func policy(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../manifests/admission/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

// list is a list of strings in CEL.
func list[S ~string](items ...S) string {
	var quoted []string
	for _, item := range items {
		quoted = append(quoted, "'"+string(item)+"'")
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// encoded are values as CEL sees those of a Secret.
func encoded[S ~string](items ...S) (texts []string) {
	for _, item := range items {
		texts = append(texts, base64.StdEncoding.EncodeToString([]byte(item)))
	}
	return texts
}

func says(t *testing.T, file string, expressions ...string) {
	t.Helper()
	text := policy(t, file)
	for _, expression := range expressions {
		if !strings.Contains(text, expression) {
			t.Errorf("manifests/admission/%s differs from the code; it should say\n%s", file, expression)
		}
	}
}

var (
	keyTypes = []KeyType{EC256, EC384, RSA2048, RSA3072, RSA4096, Ed25519}
	bools    = []string{"true", "false"}
)

func keysWith[V any](m map[string]V, more ...string) []string {
	return slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Keys(m)), more)))
}

func TestThePolicyForIssuersKnowsTheKindsKeysAndChoicesOfTheCode(t *testing.T) {
	var byText, byKey, names []string
	for _, kind := range kinds {
		byText = append(byText, fmt.Sprintf("'%s': '%s'", encoded(kind)[0], kind))
		names = append(names, string(kind))
	}
	for _, key := range slices.Sorted(maps.Keys(kindKeys)) {
		byKey = append(byKey, "'"+key+"': "+list(kindKeys[key]...))
	}
	says(t, "issuers.yaml",
		"{"+strings.Join(byText, ", ")+"}[?string(variables.data.kind)]",
		"{"+strings.Join(byKey, ", ")+"}",
		"use "+strings.Join(names, " or "),
		list(keysWith(issuerKeys, slices.Collect(maps.Keys(traitKeys))...)...),
		"string(variables.data['keyType']) in "+list(encoded(keyTypes...)...),
		"string(variables.data['rotateKey']) in "+list(encoded(bools...)...),
		"!= '"+encoded(Ed25519)[0]+"'",
		fmt.Sprintf("{'%s': '%s', '%s': '%s', '%s': '%s'}", encoded(vault.AuthToken)[0], vault.AuthToken,
			encoded(vault.AuthAppRole)[0], vault.AuthAppRole, encoded(vault.AuthKubernetes)[0], vault.AuthKubernetes),
	)
}

func TestThePolicyForIssuersKnowsTheChallengesOfTheCode(t *testing.T) {
	offered := regexp.MustCompile(`string\(variables\.data\['challenge'\]\) in \[([^]]*)\]`).FindStringSubmatch(policy(t, "issuers.yaml"))
	if offered == nil {
		t.Fatal("it says nothing of challenges")
	}
	for _, challenge := range []string{"dns01", "http01", "tlsalpn01"} {
		accepted := issuerKeys["challenge"](&Issuer{}, challenge) == nil
		if strings.Contains(offered[1], "'"+encoded(challenge)[0]+"'") != accepted {
			t.Errorf("the code accepts the challenge %s: %t; its text is %s", challenge, accepted, encoded(challenge)[0])
		}
	}
}

func TestThePolicyForSolversKnowsTheKeysOfTheCode(t *testing.T) {
	says(t, "solvers.yaml",
		list("ambient", "followCNAME", "nameservers", "onTimeout", "provider", "recursiveOnly", "zones"),
		"k.matches('"+setting.String()+"')",
		"(string(variables.data[k]) in "+list(encoded(bools...)...)+")",
		"string(variables.data['provider']) != '"+encoded("manual")[0]+"'",
		"string(variables.data['provider']) != '"+encoded("exec")[0]+"'",
		"string(variables.data['provider']) != '"+encoded(dns01.Persist)[0]+"'",
		"string(variables.data['onTimeout']) in "+list(encoded("fail", "proceed")...),
		"string(variables.data['ambient']) != '"+encoded("false")[0]+"'",
	)
}

func TestThePoliciesForIngressesAndStandingCertificatesKnowTheNamesOfTheCode(t *testing.T) {
	suffixes := r(recordSuffix) + "|" + r(accountSuffix) + "|" + r(authoritySuffix)
	choices := "in " + list(append([]KeyType{""}, keyTypes...)...)
	says(t, "ingresses.yaml", choices, `r'\.(`+suffixes+`)$'`)
	says(t, "certificates.yaml", choices, `r'\\.(`+suffixes+`)$'`,
		list(keysWith(standingKeys, slices.Collect(maps.Keys(traitKeys))...)...))
	for _, c := range []string{AnnotationIssuer, AnnotationWildcard, AnnotationKeyType, AnnotationDuration, AnnotationRenewBefore,
		AnnotationDNSNames, AnnotationSecretLabels, AnnotationCertificate} {
		says(t, "ingresses.yaml", "'"+c+"'")
	}
	says(t, "issuers.yaml", "== '"+string(TypeIssuer)+"'")
	says(t, "solvers.yaml", "== '"+string(TypeSolver)+"'")
	says(t, "certificates.yaml", "'"+LabelCertificate+"'")
	says(t, "sources.yaml", "'"+LabelCertificate+"'", "'"+LabelManaged+"'")
}

// r is what a suffix is called in a regular expression that has the dot already.
func r(suffix string) string { return strings.TrimPrefix(suffix, ".") }

// quotes are the strings in an expression.
var quotes = regexp.MustCompile(`'([^']*)'`)

// plain are the two regular expressions by which a policy finds values that cannot be trimmed.
func plain(t *testing.T, file string) (begins, ends *regexp.Regexp) {
	t.Helper()
	_, text, _ := strings.Cut(policy(t, file), "- name: plain")
	text, _, _ = strings.Cut(text, "- name: given")
	_, text, _ = strings.Cut(text, "expression:")
	parts := quotes.FindAllStringSubmatch(text, -1)
	if len(parts) < 2 {
		t.Fatalf("%s: no regular expressions in %q", file, text)
	}
	end := ""
	for _, part := range parts[1:] {
		end += part[1]
	}
	return regexp.MustCompile(parts[0][1]), regexp.MustCompile(end)
}

func TestAValueThatAPolicyTakesForPlainCannotBeTrimmed(t *testing.T) {
	for _, file := range []string{"issuers.yaml", "solvers.yaml"} {
		begins, ends := plain(t, file)
		isPlain := func(value string) bool {
			text := base64.StdEncoding.EncodeToString([]byte(value))
			return begins.MatchString(text) && ends.MatchString(text)
		}
		for b := range 256 {
			edge := string([]byte{byte(b)})
			letter := 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
			for _, inner := range []string{"", "x", "xy", "xyz", "xyzx"} {
				for _, value := range []string{edge + inner, inner + edge, edge + inner + edge} {
					switch trimmed := strings.TrimSpace(value) != value; {
					case isPlain(value) && (trimmed || b >= 0x80):
						t.Errorf("%s: %q is taken for plain", file, value)
					case letter && !isPlain(value):
						t.Errorf("%s: %q is not taken for plain", file, value)
					}
				}
			}
		}
		for _, value := range []string{"", "a\u00a0", "a\u3000", "\u2003a", "a\u0085", "acme\r\n"} {
			if isPlain(value) {
				t.Errorf("%s: %q is taken for plain", file, value)
			}
		}
	}
}
