package syncer

import (
	"slices"
	"strings"
	"testing"
)

func TestRuleSelects(t *testing.T) {
	for _, test := range []struct {
		selector, namespace string
		want                bool
	}{
		{"", "", true},
		{"", "a=b", true},
		{"true", "", true},
		{"a=b", "a=b", true},
		{"a=b", "a=c", false},
		{"a=b", "", false},
		{"a", "a=anything", true},
		{"!a", "a=b", false},
		{"!a", "", true},
		{"a in (b,c),d!=e", "a=c", true},
		{"a in (b,c),d!=e", "a=c,d=e", false},
		{" a = b ", "a=b", true},
		{"True", "", false}, // a label key like any other
		{"", "wildcast.dev/sync=false", false},
		{"a=b", "a=b,wildcast.dev/sync=false", false},
		{"wildcast.dev/sync=false", "wildcast.dev/sync=false", false},
		{"a=b", "a=b,wildcast.dev/sync=true", true},
	} {
		rule, err := ParseRule("s", map[string]string{AnnotationSync: test.selector})
		if err != nil {
			t.Fatal(err)
		}
		if got := rule.Selects(labelSet(test.namespace)); got != test.want {
			t.Errorf("%q selects %q: %v", test.selector, test.namespace, got)
		}
	}
}

func TestParseRule(t *testing.T) {
	type annotations = map[string]string
	for _, test := range []struct {
		annotations
		name, keys string // of the rule; no name: no source
		reason     string // of the error
	}{
		{nil, "", "", ""},
		{annotations{AnnotationSyncAs: "x"}, "", "", ""},
		{annotations{AnnotationSync: "false"}, "", "", ""},
		{annotations{AnnotationSync: "false", AnnotationSyncAs: "NOT A NAME"}, "", "", ""},
		{annotations{AnnotationSync: ""}, "s", "", ""},
		{annotations{AnnotationSync: "", AnnotationSyncAs: "t"}, "t", "", ""},
		{annotations{AnnotationSync: "", AnnotationSyncKeys: "b, a,,b "}, "s", "a b", ""},
		{annotations{AnnotationSync: "a b"}, "", "", ReasonInvalidSelector},
		{annotations{AnnotationSync: "a in b"}, "", "", ReasonInvalidSelector},
		{annotations{AnnotationSync: "a=b=c"}, "", "", ReasonInvalidSelector},
		{annotations{AnnotationSync: "", AnnotationSyncAs: ""}, "", "", ReasonInvalidSyncAs},
		{annotations{AnnotationSync: "", AnnotationSyncAs: "a/b"}, "", "", ReasonInvalidSyncAs},
		{annotations{AnnotationSync: "", AnnotationSyncKeys: " , "}, "", "", ReasonInvalidSyncKeys},
		{annotations{AnnotationSync: "", AnnotationSyncKeys: ""}, "", "", ReasonInvalidSyncKeys},
	} {
		rule, err := ParseRule("s", test.annotations)
		if wrong, _ := err.(*RuleError); (wrong == nil) != (test.reason == "") || wrong != nil && wrong.Reason != test.reason {
			t.Errorf("%v: %v", test.annotations, err)
		}
		if (rule == nil) != (test.name == "") || rule != nil && (rule.Name != test.name || !slices.Equal(rule.Keys, strings.Fields(test.keys))) {
			t.Errorf("%v: %+v", test.annotations, rule)
		}
	}
}
