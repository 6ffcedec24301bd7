package syncer

import "slices"

// This file is the demand for copies in the home cluster.

// wants are the sources of which a copy should be at the target: by their rule, or because an Ingress or a Gateway asks for it.
// If there are none, it is that of the copy which is there, where it stays until another takes its place.
func (s *Syncer) wants(target ref) []*object {
	found := s.selecting(target, s.candidates(target))
	if held := s.index.at(target); len(found) == 0 && held.is(roleCopy) && s.requests.Keeps(held.origin.ref(), target) {
		return s.selecting(target, []*object{s.index.at(held.origin.ref())})
	}
	return found
}

// candidates are the sources that want a copy at the target, if they select its namespace, and nil for those that are not there.
func (s *Syncer) candidates(target ref) []*object {
	found := s.index.sourcesNamed(target.Name)
	for _, r := range s.requests.At(target) {
		found = append(found, s.index.at(r.Source))
	}
	return found
}

// selecting are those sources that select the target's namespace, each once.
func (s *Syncer) selecting(target ref, candidates []*object) []*object {
	namespace, err := s.namespaces.Get(target.Namespace)
	if err != nil {
		return nil
	}
	var found []*object
	for _, o := range candidates {
		if o.is(roleSource) && o.rule != nil && o.ref() != target && o.rule.Selects(namespace.Labels) && !slices.ContainsFunc(found, o.same) {
			found = append(found, o)
		}
	}
	return found
}

// room reads a namespace's labels and phase. Where it is not known what is there, or what Ingresses ask for, there is none.
func (s *Syncer) room(namespace string) (opened, closed bool) {
	n, err := s.namespaces.Get(namespace)
	if err != nil {
		return false, false
	}
	return open(n) && s.index.sees(namespace) && s.known(namespace), shut(n.Labels)
}

// remarks are about a source that is not in order, or names contexts that are not known, and about what kubed left.
func (s *Syncer) remarks(v view) []saying {
	switch {
	case v.held.is(roleSource) && v.held.wrong != nil:
		return []saying{s.invalid(v.held)}
	case v.held.is(roleSource):
		return s.unknownContexts(v.held)
	case v.held.is(roleKubed) && len(v.wants) == 0 && v.open && !v.unseen:
		return []saying{s.leftByKubed(v.held, v.origin)}
	}
	return nil
}
