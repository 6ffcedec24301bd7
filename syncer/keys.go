package syncer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// This file compares the keys that a source lists with those that it has. A source that has none of them is as wrong as one
// whose annotations cannot be read: a typing error must not empty the copies. That takes its data, which is not read before
// something depends on it.

// unjudged reports whether a source lists keys, and it has not been seen yet whether it has any of them.
func (o *object) unjudged() bool {
	return o.is(roleSource) && o.rule != nil && o.rule.Keys != nil && !o.judged
}

// judge takes note of whether a source, as it was read, has any of the keys that it lists.
func (x *index) judge(read content) {
	at := ref{Namespace: read.meta.Namespace, Name: read.meta.Name}
	x.mu.Lock()
	before := x.objects[at]
	if !before.unjudged() || before.UID != read.meta.UID || before.ResourceVersion != read.meta.ResourceVersion {
		x.mu.Unlock()
		return
	}
	after := *before
	after.judged = true
	if !read.any(before.rule.Keys) {
		after.rule, after.wrong = nil, noSuchKeys(read.payload)
	}
	x.set(at, &after)
	x.mu.Unlock()
	if after.wrong != nil {
		x.changed(at, before, &after)
	}
}

// any reports whether p has any of the keys.
func (p payload) any(keys []string) bool {
	return len(chosen(p.Data, keys))+len(chosen(p.Binary, keys)) > 0
}

// noSuchKeys is what is wrong with a source that has none of the keys that it lists.
func noSuchKeys(p payload) *RuleError {
	const most = 10
	there := slices.Sorted(maps.Keys(p.Data))
	there = append(there, slices.Sorted(maps.Keys(p.Binary))...)
	list := cmp.Or(quoted(there[:min(most, len(there))]), "none")
	if more := len(there) - most; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return &RuleError{ReasonInvalidSyncKeys, fmt.Sprintf("%s names no key that there is; there are %s. Correct it, or take the annotation away to copy all", AnnotationSyncKeys, list)}
}
