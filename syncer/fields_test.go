package syncer

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The rows are what an API server of version 1.36 answered to the writes that their names tell, hash and origin added.
func TestManagedFieldsTellWhoChangedTheContent(t *testing.T) {
	const metadata = `"f:metadata":{"f:annotations":{".":{},"f:wildcast.dev/hash":{},"f:wildcast.dev/origin":{}},"f:labels":{".":{},"f:l":{}}},"f:type":{}`
	const whole = `{"f:data":{".":{},"f:one":{},"f:two":{}},` + metadata + `}`
	hash := payload{Data: map[string][]byte{"one": nil, "two": nil}}.hash("uid")
	for _, test := range []struct {
		name    string
		entries []string // manager and fields, by turns
		intact  bool
	}{
		{"created by us", []string{manager, whole}, true},
		{"somebody labels it", []string{manager, whole, "kubectl-label", `{"f:metadata":{"f:labels":{"f:mine":{}}}}`}, true},
		{"somebody sets a key to another value", []string{manager, `{"f:data":{".":{},"f:one":{}},` + metadata + `}`, "kubectl-edit", `{"f:data":{"f:two":{}}}`}, false},
		{"somebody removes a key", []string{manager, `{"f:data":{".":{},"f:one":{}},` + metadata + `}`}, false},
		{"somebody removes all keys", []string{manager, `{` + metadata + `}`}, false},
		{"somebody adds a key", []string{manager, whole, "kubectl-patch", `{"f:data":{"f:extra":{}}}`}, false},
		{"somebody makes it immutable", []string{manager, whole, "kubectl-patch", `{"f:immutable":{}}`}, false},
		{"somebody applies a key with the same value", []string{"kubectl", `{"f:data":{"f:one":{}}}`, manager, whole}, true},
		{"somebody applies it with last-applied", []string{"kubectl-client-side-apply", `{"f:metadata":{"f:annotations":{"f:kubectl.kubernetes.io/last-applied-configuration":{}}}}`, manager, whole}, true},
		{"somebody applies a key as text with another value", []string{"user", `{"f:stringData":{"f:two":{}}}`, manager, whole}, false},
		{"somebody clears managedFields", nil, false},
		{"somebody changes the hash", []string{manager, `{"f:data":{".":{},"f:one":{},"f:two":{}},"f:metadata":{"f:annotations":{".":{},"f:wildcast.dev/origin":{}}}}`}, false},
		{"we wrote it in two parts", []string{manager, `{"f:data":{"f:one":{}},` + metadata + `}`, manager, `{"f:data":{"f:two":{}}}`}, true},
		{"nonsense", []string{manager, `[]`}, false},
	} {
		var entries []metav1.ManagedFieldsEntry
		for pair := range slices.Chunk(test.entries, 2) {
			entries = append(entries, metav1.ManagedFieldsEntry{Manager: pair[0], FieldsV1: metav1.NewFieldsV1(pair[1])})
		}
		o := readOwned(append(entries, metav1.ManagedFieldsEntry{Manager: "empty"}))
		if o.intact(hash) != test.intact {
			t.Errorf("%s: %+v", test.name, o)
		}
	}
}

func TestManagedFieldsTellOfTheBinaryDataOfAConfigMap(t *testing.T) {
	const metadata = `"f:metadata":{"f:annotations":{"f:wildcast.dev/hash":{},"f:wildcast.dev/origin":{}}}`
	hash := payload{Data: map[string][]byte{"one": nil}, Binary: map[string][]byte{"two": nil}}.hash("uid")
	for _, test := range []struct {
		ours, theirs string
		intact       bool
	}{
		{`{"f:binaryData":{".":{},"f:two":{}},"f:data":{".":{},"f:one":{}},` + metadata + `}`, `{}`, true},
		{`{"f:data":{".":{},"f:one":{},"f:two":{}},` + metadata + `}`, `{}`, false},
		{`{"f:data":{".":{},"f:one":{}},` + metadata + `}`, `{"f:binaryData":{"f:two":{}}}`, false},
		{`{"f:binaryData":{".":{},"f:two":{}},"f:data":{".":{},"f:one":{}},` + metadata + `}`, `{"f:binaryData":{"f:three":{}}}`, false},
	} {
		o := readOwned([]metav1.ManagedFieldsEntry{
			{Manager: manager, FieldsV1: metav1.NewFieldsV1(test.ours)}, {Manager: "user", FieldsV1: metav1.NewFieldsV1(test.theirs)},
		})
		if o.intact(hash) != test.intact {
			t.Errorf("%s and %s: %+v", test.ours, test.theirs, o)
		}
	}
}

func TestManagedFieldsTellThatSomebodyChangedTheOrigin(t *testing.T) {
	const holds = `{"f:metadata":{"f:annotations":{"f:wildcast.dev/origin":{}}}}`
	for _, test := range []struct {
		managers []string
		claimed  bool
	}{{nil, false}, {[]string{manager}, false}, {[]string{"user"}, true}, {[]string{"user", manager}, false}} {
		var entries []metav1.ManagedFieldsEntry
		for _, m := range test.managers {
			entries = append(entries, metav1.ManagedFieldsEntry{Manager: m, FieldsV1: metav1.NewFieldsV1(holds)})
		}
		if o := readOwned(entries); o.claimed != test.claimed {
			t.Errorf("%v: %+v", test.managers, o)
		}
	}
}

func TestManagedFieldsTellOurLabels(t *testing.T) {
	o := readOwned([]metav1.ManagedFieldsEntry{
		{Manager: manager, FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:b":{},"f:a":{}},"f:annotations":{"f:c":{}}},"f:immutable":{}}`)},
		{Manager: "other", FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:x":{}}}}`)},
	})
	if !slices.Equal(o.labels, []string{"a", "b"}) || !slices.Equal(o.annotations, []string{"c"}) || !o.immutable {
		t.Errorf("%+v", o)
	}
}
