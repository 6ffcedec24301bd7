package model

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Wrong compares all objects of the cluster with what should be there, and says what is wrong.
func (w *World) Wrong(seen map[Place]Object) []string {
	winners := w.winners()
	places := map[Place]bool{}
	for _, all := range []map[Place]Object{winners, w.Objects, w.Kept, seen} {
		for at := range all {
			places[at] = true
		}
	}
	var wrong []string
	for at := range places {
		if problem := w.wrongAt(at, winners, seen); problem != "" {
			wrong = append(wrong, fmt.Sprintf("%s: %s", at, problem))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// wrongAt decides what may be at a place:
//
//	users have there                            and                       then
//	an object of their own                                                it, untouched
//	one that they offer                         a copy is wanted          the copy
//	                                            was, for a moment         it, untouched, or nothing
//	                                            otherwise                 it, untouched
//	one that kubed made of a source             that source wants it      the copy, of whichever source is the oldest
//	                                            did, for a moment         it, untouched, or as if there was none
//	                                            otherwise                 it, untouched
//	a copy kept for a source in disorder        an older source wants it  that one's copy
//	                                            did, for a moment         it, untouched, or as if there was none
//	                                            otherwise                 it, untouched
//	nothing                                     a copy is wanted          the copy; nothing while a quota forbids it
//	                                            otherwise                 nothing
func (w *World) wrongAt(at Place, winners map[Place]Object, seen map[Place]Object) string {
	is, there := seen[at]
	if !w.open(at) {
		if _, source := w.rule(is); source {
			return "is still a source, in a namespace that is going"
		}
		return ""
	}
	winner, wanted := winners[at]
	copied := func() string {
		switch {
		case wanted && !there && w.Full[at.Namespace]:
			return ""
		case wanted && !there:
			return "there is no copy of " + winner.String()
		case wanted:
			return w.wrongCopy(is, winner)
		case there:
			return "is there, which belongs to nobody"
		}
		return ""
	}
	if own, found := w.Objects[at]; found {
		switch {
		case w.offered(own) && wanted:
			return copied()
		case w.offered(own) && !there && w.might(at, anyone):
			return ""
		}
		problem := untouched(own, is, there)
		if from, left := w.left(own); left {
			source := w.Objects[from]
			of := func(o Object) bool { return o.Place == from }
			if w.wants(source, at, w.Namespaces[at.Namespace]) || problem != "" && w.might(at, of) {
				return copied()
			}
		}
		return problem
	}
	if keeper, found := w.keeper(at); found && !(wanted && older(winner, keeper)) {
		problem := untouched(w.Kept[at], is, there)
		if problem != "" && (w.shut(at.Namespace) || w.might(at, func(o Object) bool { return older(o, keeper) })) {
			return copied()
		}
		return problem
	}
	return copied()
}

func untouched(was, is Object, there bool) string {
	switch {
	case !there:
		return "is gone, which nobody may remove"
	case was.UID != is.UID:
		return "is another object than the user's"
	case was.ResourceVersion != is.ResourceVersion:
		return fmt.Sprintf("was written, which nobody may: %v and %v, was %v and %v", is.Labels, is.Annotations, was.Labels, was.Annotations)
	}
	return ""
}

// wrongCopy tells in what an object differs from a copy of source.
func (w *World) wrongCopy(is, source Object) string {
	want := w.content(source)
	switch {
	case is.Type != want.Type:
		return fmt.Sprintf("type %s, want %s of %s", is.Type, want.Type, source)
	case is.Immutable != want.Immutable:
		return fmt.Sprintf("immutable is %t, of %s it is %t", is.Immutable, source, want.Immutable)
	case !maps.Equal(is.Data, want.Data):
		return fmt.Sprintf("data %v, want %v of %s", is.Data, want.Data, source)
	case !maps.Equal(is.Binary, want.Binary):
		return fmt.Sprintf("binaryData %q, want %q of %s", is.Binary, want.Binary, source)
	}
	if problem := wrongOrigin(is, source); problem != "" {
		return problem
	}
	return w.wrongDress(is, source)
}

func wrongOrigin(is, source Object) string {
	from, copied := originOf(is)
	switch {
	case !copied:
		return fmt.Sprintf("is not marked as a copy of %s: %v", source, is.Annotations)
	case from.place() != source.Place || from.UID != source.UID:
		return fmt.Sprintf("is marked as a copy of %v, want %s %s", from, source, source.UID)
	case from.ResourceVersion == "" || is.Annotations[prefix+"hash"] == "":
		return fmt.Sprintf("marks are missing: %v", is.Annotations)
	}
	return ""
}

// wrongDress looks at labels and annotations: the source's and the marks, and beside them what users have put there.
func (w *World) wrongDress(is, source Object) string {
	labels := carried(source.Labels)
	labels[prefix+"origin.cluster"] = w.Cluster
	labels[prefix+"origin.namespace"] = source.Namespace
	labels[prefix+"origin.name"] = is.Labels[prefix+"origin.name"]
	if !cutTo63(is.Labels[prefix+"origin.name"], source.Name) {
		return fmt.Sprintf("label of its origin's name %q, of %s", is.Labels[prefix+"origin.name"], source)
	}
	annotations := carried(source.Annotations)
	for _, mark := range []string{"origin", "target", "hash"} {
		annotations[prefix+mark] = is.Annotations[prefix+mark]
	}
	if r, _ := w.rule(source); r.kubed {
		annotations[kubed+"origin"] = is.Annotations[prefix+"origin"]
		for _, mark := range []string{"origin.cluster", "origin.namespace", "origin.name"} {
			labels[kubed+mark] = labels[prefix+mark]
		}
	}
	dress := w.Dressed[is.Place]
	if dress.UID != is.UID {
		dress.Must = nil // it was replaced, or went and came again
	}
	if kept, found := is.Annotations[prefix+"kept"]; found {
		annotations[prefix+"kept"] = kept
	}
	for key, value := range dress.Must {
		if is.Labels[key] != value && !w.Shared[key] {
			return fmt.Sprintf("a user's label %s is %q, want %q", key, is.Labels[key], value)
		}
	}
	if problem := differs(is.Labels, labels, dress); problem != "" {
		return fmt.Sprintf("label %s of %s", problem, source)
	}
	if problem := differs(is.Annotations, annotations, dress); problem != "" {
		return fmt.Sprintf("annotation %s of %s", problem, source)
	}
	return ""
}

func differs(is, want map[string]string, dress Dress) string {
	for key, value := range want {
		if found, there := is[key]; !there || found != value {
			return fmt.Sprintf("%s is %q, want %q", key, found, value)
		}
	}
	for key, value := range is {
		if _, wanted := want[key]; !wanted && !dress.May[key] {
			return fmt.Sprintf("%s=%q is left over, no longer one", key, value)
		}
	}
	return ""
}

var hashed = regexp.MustCompile(`^(.+)-[0-9a-f]{8}$`)

// cutTo63 reports whether a label's value stands for a name: the name, or if that is too long its beginning and a hash.
func cutTo63(value, name string) bool {
	if len(name) <= 63 {
		return value == name
	}
	parts := hashed.FindStringSubmatch(value)
	return len(value) == 63 && parts != nil && strings.HasPrefix(name, parts[1])
}

// Rest takes note of a cluster in which nothing is wrong: what was handed over is no user's any more, and which states
// there were before does not matter any more.
func (w *World) Rest(seen map[Place]Object) {
	winners := w.winners()
	for at, own := range w.Objects {
		_, wanted := winners[at]
		is, there := seen[at]
		_, left := w.left(own)
		if w.offered(own) && (wanted || !there) || left && !(there && sameState(own, is)) {
			delete(w.Objects, at)
		}
	}
	for at := range w.Kept {
		keeper, found := w.keeper(at)
		winner, wanted := winners[at]
		is, there := seen[at]
		if !found || wanted && older(winner, keeper) || !there || is.ResourceVersion != w.Kept[at].ResourceVersion {
			delete(w.Kept, at)
		}
	}
	maps.DeleteFunc(w.Dressed, func(at Place, _ Dress) bool { _, there := seen[at]; return !there })
	w.past = past{labels: map[string][]map[string]string{}}
	for name, labels := range w.Namespaces {
		w.past.labels[name] = []map[string]string{labels}
	}
	w.past.objects = slices.Collect(maps.Values(w.Objects))
}
