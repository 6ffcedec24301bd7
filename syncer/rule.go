package syncer

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Rule is what a source's annotations ask for.
type Rule struct {
	Name     string          // of the copies
	Keys     []string        // that are copied, sorted; nil for all
	Selector labels.Selector // over the labels of Namespaces
	Contexts []string        // other clusters that get a copy, sorted
	Kubed    bool            // the copies carry kubed's marks too
}

// RuleError says what is wrong with a source's annotations. While a source has one, its copies stay as they are.
type RuleError struct {
	Reason string // of the Event: ReasonInvalidSelector, ReasonInvalidSyncAs, ReasonInvalidSyncKeys or ReasonInvalidSyncContexts
	Detail string // what is wrong, and the remedy
}

func (e *RuleError) Error() string { return e.Detail }

// ParseRule reads the annotations of the object with that name. An object that is no source has neither a rule nor
// an error.
//
//	wildcast.dev/sync        kubed.appscode.com/sync   rule
//	"false"                  any or absent             no namespace: not a source, unless it names contexts
//	"", "true"               any or absent             every namespace
//	a label selector         any or absent             the namespaces that it selects
//	absent                   "", "true"                every namespace
//	absent                   a label selector          the namespaces that it selects; "false" is one
//	absent                   absent                    no namespace: not a source, unless it names contexts
//	any other text in the one that counts              *RuleError, not "no namespace": a typing error must not take copies away
//
// Copies in other clusters are asked for by a list in wildcast.dev/sync-contexts, or else kubed.appscode.com/sync-contexts,
// whatever the two above say.
func ParseRule(name string, annotations map[string]string) (*Rule, error) {
	sync, syncs := syncOf(annotations)
	contexts, exports := contextsOf(annotations)
	if !syncs && !exports {
		return nil, nil
	}
	_, dialect := first(annotations, AnnotationKubedSync, AnnotationKubedSyncContexts)
	rule := &Rule{Name: name, Selector: labels.Nothing(), Kubed: dialect}
	var err error
	if syncs {
		if rule.Selector, err = parseSelector(sync.key, sync.value); err != nil {
			return nil, err
		}
	}
	if exports {
		if rule.Contexts = parseList(contexts.value); rule.Contexts == nil {
			return nil, &RuleError{ReasonInvalidSyncContexts, contexts.key + " names no context: give a comma list of contexts, or take the annotation away to have no copy in other clusters"}
		}
	}
	if as, found := annotations[AnnotationSyncAs]; found {
		if len(validation.IsDNS1123Subdomain(as)) > 0 {
			return nil, &RuleError{ReasonInvalidSyncAs, fmt.Sprintf("%s: %q cannot be the name of a copy: write lower case letters, digits, \"-\" and \".\", "+
				"beginning and ending with a letter or digit, 253 characters at most", AnnotationSyncAs, as)}
		}
		rule.Name = as
	}
	if keys, found := annotations[AnnotationSyncKeys]; found {
		if rule.Keys = parseList(keys); rule.Keys == nil {
			return nil, &RuleError{ReasonInvalidSyncKeys, AnnotationSyncKeys + " names no key: give a comma list such as tls.crt,ca.crt, or take the annotation away to copy all"}
		}
	}
	return rule, nil
}

// syncOf is the annotation that says which namespaces get copies.
func syncOf(annotations map[string]string) (sync annotation, syncs bool) {
	sync, syncs = first(annotations, AnnotationSync, AnnotationKubedSync)
	return sync, syncs && (sync.key != AnnotationSync || sync.value != "false")
}

// contextsOf is the annotation that says which other clusters get copies.
func contextsOf(annotations map[string]string) (annotation, bool) {
	return first(annotations, AnnotationSyncContexts, AnnotationKubedSyncContexts)
}

type annotation struct{ key, value string }

// first is the first of these annotations that there is.
func first(annotations map[string]string, keys ...string) (annotation, bool) {
	for _, key := range keys {
		if value, found := annotations[key]; found {
			return annotation{key, value}, true
		}
	}
	return annotation{}, false
}

func parseSelector(key, text string) (labels.Selector, error) {
	if text == "" || text == "true" {
		return labels.Everything(), nil
	}
	selector, err := labels.Parse(text)
	if err != nil {
		return nil, &RuleError{ReasonInvalidSelector, fmt.Sprintf("%s is no label selector: %v. Write it like team=web, or like env in (test,prod),!hidden", key, err)}
	}
	return selector, nil
}

// parseList reads a comma list: sorted, without blanks and repetitions; nil if there is nothing in it.
func parseList(text string) []string {
	var list []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Selects reports whether a namespace with these labels gets a copy.
func (r *Rule) Selects(namespace map[string]string) bool {
	return !shut(namespace) && r.Selector.Matches(labels.Set(namespace))
}

// shut reports whether a namespace with these labels has opted out.
func shut(namespace map[string]string) bool { return namespace[LabelSync] == "false" }
