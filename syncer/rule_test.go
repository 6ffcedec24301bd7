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

func TestKubedsAnnotationIsReadAsKubedReadsIt(t *testing.T) {
	type annotations = map[string]string
	for _, test := range []struct {
		annotations
		selects, not string // labels of namespaces; both empty: no source
	}{
		{annotations{AnnotationKubedSync: ""}, "any=1", ""},
		{annotations{AnnotationKubedSync: "true"}, "any=1", ""},
		{annotations{AnnotationKubedSync: "team=web"}, "team=web", "team=ops"},
		{annotations{AnnotationKubedSync: "team in (web,ops),!hidden"}, "team=ops", "team=ops,hidden=1"},
		{annotations{AnnotationKubedSync: "false"}, "false=1", "any=1"}, // a label key like any other
		{annotations{AnnotationKubedSync: ""}, "any=1", "wildcast.dev/sync=false"},
		{annotations{AnnotationKubedSync: "", AnnotationSync: "team=web"}, "team=web", "team=ops"},
		{annotations{AnnotationKubedSync: "team=web", AnnotationSync: ""}, "team=ops", ""},
		{annotations{AnnotationKubedSync: "", AnnotationSync: "false"}, "", ""},
		{annotations{AnnotationKubedSync: "no selector", AnnotationSync: ""}, "any=1", ""},
	} {
		rule, err := ParseRule("s", test.annotations)
		switch {
		case err != nil:
			t.Errorf("%v: %v", test.annotations, err)
		case test.selects == "":
			if rule != nil {
				t.Errorf("%v is a source", test.annotations)
			}
		case !rule.Kubed || !rule.Selects(labelSet(test.selects)) || test.not != "" && rule.Selects(labelSet(test.not)):
			t.Errorf("%v: %+v", test.annotations, rule)
		}
	}
	_, err := ParseRule("s", annotations{AnnotationKubedSync: "no selector"})
	if err == nil || !strings.HasPrefix(err.Error(), AnnotationKubedSync) {
		t.Error(err)
	}
	if rule, _ := ParseRule("s", annotations{AnnotationSync: ""}); rule.Kubed {
		t.Error("our dialect is kubed's")
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
		{annotations{AnnotationSync: "", AnnotationSyncContexts: ""}, "", "", ReasonInvalidSyncContexts},
		{annotations{AnnotationSyncContexts: " , "}, "", "", ReasonInvalidSyncContexts},
		{annotations{AnnotationKubedSyncContexts: ""}, "", "", ReasonInvalidSyncContexts},
		{annotations{AnnotationSyncContexts: "a", AnnotationSync: "a b"}, "", "", ReasonInvalidSelector},
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

func TestContextsAreAskedForWhateverTheSelectorSays(t *testing.T) {
	type annotations = map[string]string
	for _, test := range []struct {
		annotations
		contexts string
		selects  bool // any namespace
		kubed    bool
	}{
		{annotations{AnnotationSyncContexts: "b, a,,b"}, "a b", false, false},
		{annotations{AnnotationSyncContexts: "a", AnnotationSync: "false"}, "a", false, false},
		{annotations{AnnotationSyncContexts: "a", AnnotationSync: ""}, "a", true, false},
		{annotations{AnnotationKubedSyncContexts: "a"}, "a", false, true},
		{annotations{AnnotationKubedSyncContexts: "a", AnnotationKubedSync: ""}, "a", true, true},
		{annotations{AnnotationKubedSyncContexts: "a", AnnotationSyncContexts: "b"}, "b", false, true},
		{annotations{AnnotationSyncContexts: "arn:aws:eks:eu-1:1:cluster/x"}, "arn:aws:eks:eu-1:1:cluster/x", false, false},
		{annotations{AnnotationKubedSync: ""}, "", true, true},
	} {
		rule, err := ParseRule("s", test.annotations)
		if err != nil || strings.Join(rule.Contexts, " ") != test.contexts || rule.Selects(nil) != test.selects || rule.Kubed != test.kubed {
			t.Errorf("%v: %+v, %v", test.annotations, rule, err)
		}
	}
}
