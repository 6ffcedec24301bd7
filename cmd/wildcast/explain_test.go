package main

import (
	"strings"
	"testing"
)

func TestWhatIsExplainedIsLookedAtInItsOwnNamespace(t *testing.T) {
	for _, row := range []struct{ flags, kind, text, name, scope string }{
		{"", "ingress", "b/web", "b/web", ""},
		{"", "ingress", "web", "a/web", ""},
		{"-n b", "ingress", "web", "b/web", "cert-manager,b"},
		{"-n a", "ingress", "b/web", "b/web", "cert-manager,b"},
		{"-n a", "namespace", "b", "/b", "cert-manager,b"},
		{"-n b", "secret", "cert-manager/pull", "cert-manager/pull", "cert-manager"},
		{"-n a -A", "ingress", "b/web", "b/web", ""},
	} {
		v := visitTo(t, row.flags, append(twoTeams(), deployment("run"))...)
		v.namespace = "a" // of the context
		name, err := v.turnTo(row.kind, row.text)
		if scope := strings.Join(v.scope(), ","); err != nil || name.String() != row.name || scope != row.scope {
			t.Errorf("%+v: %s, looked for in %q, %v", row, name, scope, err)
		}
		s, err := v.look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := explainers[row.kind](s, name); err != nil {
			t.Errorf("%+v: %v", row, err)
		}
	}
}

func TestNothingIsExplainedInANamespaceThatWildcastDoesNotWorkIn(t *testing.T) {
	for kind, text := range map[string]string{"ingress": "b/web", "namespace": "b"} {
		v := visitTo(t, "", append(twoTeams(), deployment("run", "--namespaces=a"))...)
		if _, err := v.turnTo(kind, text); err == nil || !strings.Contains(err.Error(), "wildcast does not work in namespace b") {
			t.Errorf("%s %s: %v", kind, text, err)
		}
	}
}
