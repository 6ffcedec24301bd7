package controllers

import (
	"slices"
	"strings"
	"testing"
)

func words(s string) []string { return strings.Fields(s) }

func TestHostsBecomeTheWildcardOverTheirParent(t *testing.T) {
	for hosts, want := range map[string]string{
		"wiki.example.com":                 "*.example.com",
		"*.example.com":                    "*.example.com",
		"example.com":                      "example.com",
		"example.co.uk":                    "example.co.uk",
		"wiki.example.co.uk":               "*.example.co.uk",
		"wiki.github.io":                   "wiki.github.io",
		"a.wiki.github.io":                 "*.wiki.github.io",
		"localhost":                        "localhost",
		"wiki.a.test":                      "*.a.test",
		"*.a.test x.a.test":                "*.a.test",
		"a.test x.a.test":                  "*.a.test a.test",
		"y.x.a.test x.a.test":              "*.a.test *.x.a.test",
		"b.example.com a.example.com":      "*.example.com",
		"deep.er.example.com er.other.com": "*.er.example.com *.other.com",
	} {
		if got := widenAll(words(hosts)); !slices.Equal(got, words(want)) {
			t.Errorf("%s: got %v, want %s", hosts, got, want)
		}
	}
}

func TestAWildcardCoversOneLabel(t *testing.T) {
	for _, row := range []struct {
		have, want string
		covers     bool
	}{
		{"*.a.test", "x.a.test", true},
		{"*.a.test", "*.a.test", true},
		{"*.a.test", "a.test", false},
		{"*.a.test", "y.x.a.test", false},
		{"*.a.test", "*.x.a.test", false},
		{"*.a.test a.test", "a.test x.a.test", true},
		{"x.a.test", "*.a.test", false},
		{"", "x.a.test", false},
	} {
		if got := covers(words(row.have), words(row.want)); got != row.covers {
			t.Errorf("%q covers %q: got %t", row.have, row.want, got)
		}
	}
}

func TestNamesAreMadeCanonical(t *testing.T) {
	got, err := canonicalNames([]string{"B.Example.com.", "a.example.com", "b.example.com", "bücher.example", "*.Example.com"})
	want := words("*.example.com a.example.com b.example.com xn--bcher-kva.example")
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	most := strings.Repeat("a", 63)
	if got, err := canonicalNames([]string{most + ".example", "1.example", "0.0.1.in-addr.arpa"}); err != nil || len(got) != 3 {
		t.Errorf("got %v, %v", got, err)
	}
	for bad, contain := range map[string]string{
		"": "is not a DNS name", "*.": "is not a DNS name", "a..b": "is not a DNS name", "a b.example": "is not a DNS name",
		most + "a.example": "is not a DNS name", "b." + most + "a": "is not a DNS name",
		"10.0.0.1": "is an IP address", "10.0.0.1.": "is an IP address", "*.10.0.0.1": "is an IP address", "１０.0.0.1": "is an IP address",
		"fd00::1": "is an IP address: only issuers of kind ca, selfsigned and vault certify those, with ipSans",
	} {
		if got, err := canonicalNames([]string{bad}); err == nil || !strings.Contains(err.Error(), contain) {
			t.Errorf("%q became %v with %v, want %s", bad, got, err, contain)
		}
		if got, _ := canonicalNames([]string{bad, "a.example"}); !slices.Equal(got, words("a.example")) {
			t.Errorf("beside %q, a.example became %v", bad, got)
		}
	}
}

func TestZonesHoldThemselvesAndWhatIsBelow(t *testing.T) {
	for name, want := range map[string]bool{"a.test": true, "*.a.test": true, "x.y.a.test": true, "ba.test": false, "test": false} {
		if got := within(name, []string{"a.test"}); got != want {
			t.Errorf("%s: got %t", name, got)
		}
	}
	if !within("anything.example", nil) {
		t.Error("no zones should hold every name")
	}
}
