package syncer

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestHashDependsOnAllThatDecidesTheContent(t *testing.T) {
	data := func(pairs ...string) map[string][]byte {
		m := map[string][]byte{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = []byte(pairs[i+1])
		}
		return m
	}
	seen := map[string]payload{}
	for _, p := range []payload{
		{},
		{Type: "t"},
		{Immutable: true},
		{Type: "immutable"},
		{Data: data("a", "")},
		{Data: data("a", "b")},
		{Data: data("ab", "")},
		{Data: data("a", "", "b", "")},
		{Data: data("a", "1", "b", "2")},
		{Data: data("a", "2", "b", "1")},
		{Binary: data("a", "")},
		{Binary: data("a", "b")},
		{Data: data("a", ""), Binary: data("b", "")},
		{Data: data("b", ""), Binary: data("a", "")},
	} {
		hash := p.hash("uid")
		if other, found := seen[hash]; found {
			t.Errorf("%v and %v have one hash", p, other)
		}
		seen[hash] = p
		if hash == p.hash("another uid") {
			t.Errorf("%v: the source does not count", p)
		}
		if hash != p.hash("uid") || hashedFields(hash) != fieldsDigest(p.fields()) {
			t.Errorf("%v: %s", p, hash)
		}
	}
}

func TestKeysOfBothKindsOfDataAreChosen(t *testing.T) {
	p := payload{Data: map[string][]byte{"a": nil, "b": nil}, Binary: map[string][]byte{"c": nil, "d": nil}}
	if got := p.only([]string{"a", "d"}); len(got.Data) != 1 || len(got.Binary) != 1 || got.Type != "" || got.equal(p) {
		t.Errorf("%+v", got)
	}
}

func TestKeysThatDoNotMakeUpTheTypeMakeAnOpaqueCopy(t *testing.T) {
	for _, test := range []struct {
		from corev1.SecretType
		key  string
		want corev1.SecretType
	}{
		{corev1.SecretTypeTLS, "tls.crt", corev1.SecretTypeOpaque},
		{corev1.SecretTypeDockerConfigJson, ".dockerconfigjson", corev1.SecretTypeDockerConfigJson},
		{corev1.SecretTypeDockerConfigJson, "x", corev1.SecretTypeOpaque},
		{corev1.SecretTypeDockercfg, "x", corev1.SecretTypeOpaque},
		{corev1.SecretTypeBasicAuth, "username", corev1.SecretTypeBasicAuth},
		{corev1.SecretTypeBasicAuth, "x", corev1.SecretTypeOpaque},
		{corev1.SecretTypeSSHAuth, "x", corev1.SecretTypeOpaque},
		{"example.com/any", "x", "example.com/any"},
	} {
		p := payload{Type: string(test.from), Data: map[string][]byte{test.key: nil, "other": nil}}
		if got := p.only([]string{test.key, "absent"}); got.Type != string(test.want) || len(got.Data) != 1 {
			t.Errorf("%s of %s: %+v", test.key, test.from, got)
		}
		if all := p.only(nil); !all.equal(p) {
			t.Errorf("all of %s: %+v", test.from, all)
		}
	}
}
