package controllers

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

func asked(ingress, issuer, names string, age int) Ask {
	return Ask{
		By:          Asker{Kind: AskerIngress, NamespacedName: key(ingress), Created: time.Unix(int64(-age), 0)},
		Certificate: key(home + "/wildcard.a.test"), Issuer: key(issuer), Names: words(names), SecretName: "s", Shared: true,
	}
}

func issuers(name types.NamespacedName) (*Issuer, error) { return testRules(nil).issuer(name) }

func TestNothingAskedIsNothingWanted(t *testing.T) {
	if want, refused := wantOf(nil, issuers); want != nil || refused != nil {
		t.Errorf("got %v, %v", want, refused)
	}
}

func TestNamesAreTheUnionOfWhatIngressesAsk(t *testing.T) {
	want, refused := wantOf([]Ask{asked("a/a", home+"/le", "*.a.test", 2), asked("b/b", home+"/le", "a.test", 1), asked("c/c", home+"/le", "x.a.test", 0)}, issuers)
	if len(refused) > 0 || !slices.Equal(want.Names, words("*.a.test a.test")) || len(want.Asks) != 3 {
		t.Errorf("got %+v, %v", want, refused)
	}
	if want.Sync != "cert-manager-tls=wildcard.a.test" || want.KeyType != EC256 {
		t.Errorf("got %+v", want)
	}
}

func TestTheOldestIngressDecidesTheIssuer(t *testing.T) {
	want, refused := wantOf([]Ask{asked("a/a", home+"/le", "*.a.test", 2), asked("b/b", home+"/narrow", "a.test", 1)}, issuers)
	if want.Issuer.Name != key(home+"/le") || !slices.Equal(want.Names, words("*.a.test")) {
		t.Errorf("got %+v", want)
	}
	if len(refused) != 1 || refused[0].Ask.By.NamespacedName != key("b/b") || !strings.Contains(refused[0].Problem.Note, "a/a asked first") {
		t.Errorf("got %v", refused)
	}
}

func TestTheFirstKeyTypeNamedWins(t *testing.T) {
	second := asked("b/b", home+"/le", "*.a.test", 1)
	second.KeyType, second.Template.Labels = RSA4096, map[string]string{"team": "web"}
	if want, _ := wantOf([]Ask{asked("a/a", home+"/le", "*.a.test", 2), second}, issuers); want.KeyType != RSA4096 {
		t.Errorf("got %s", want.KeyType)
	}
}

func TestHeldAsksOrderNothing(t *testing.T) {
	held := asked("a/a", home+"/nobody", "*.a.test", 2)
	held.Held = true
	want, _ := wantOf([]Ask{held}, issuers)
	if want == nil || want.Issuer != nil {
		t.Errorf("got %+v", want)
	}
	want, _ = wantOf([]Ask{held, asked("b/b", home+"/le", "a.test", 1)}, issuers)
	if want.Issuer == nil || !slices.Equal(want.Names, words("a.test")) {
		t.Errorf("got %+v", want)
	}
}

func TestInputsChangeWithWhatAnOrderDependsOn(t *testing.T) {
	base := wanted("*.a.test").inputs("s", "")
	other := wanted("*.a.test")
	other.KeyType = RSA2048
	issuer := wanted("*.a.test")
	issuer.Issuer.Hash = "changed"
	for name, got := range map[string]string{
		"names": wanted("a.test").inputs("s", ""), "key type": other.inputs("s", ""), "issuer": issuer.inputs("s", ""), "solvers": wanted("*.a.test").inputs("t", ""),
		"text of the renew annotation": wanted("*.a.test").inputs("s", "now"),
	} {
		if got == base {
			t.Errorf("inputs do not change with the %s", name)
		}
	}
	if wanted("*.a.test").inputs("s", "") != base {
		t.Error("inputs change by themselves")
	}
}
