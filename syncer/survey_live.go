package syncer

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Survey looks at what the Syncer knows, also where it does not lead; nothing is listed for it. Requests are the names under
// which Ingresses ask for copies, nil for none: its own know that only when it leads. All must be known that Synced waits
// for. It goes on seeing what changes.
func (s *Syncer) Survey(requests Requests) *Survey {
	if requests == nil {
		requests = noRequests{}
	}
	looks := &Syncer{namespaces: s.namespaces, known: func(string) bool { return true }}
	looks.keeper = keeper{
		demand: looks, kind: s.kind, policy: s.policy, metadata: s.metadata, index: s.index, sources: s.index, contents: s.contents, requests: requests,
	}
	return &Survey{s: looks, foreign: map[ref]types.UID{}, read: map[ref]content{}}
}

// Probe asks the API server, place by place and at most so many times, whether somebody else's object stands where a copy is
// missing: a Syncer remembers no such object. It is to be called before anything is asked. Without it they count as Missing.
func (s *Survey) Probe(ctx context.Context, most int) error {
	client := s.s.metadata.Resource(s.s.kind.resource)
	for _, at := range s.missing(most) {
		met, err := client.Namespace(at.Namespace).Get(ctx, at.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look at %s: %w", s.s.place(at), err)
		}
		if readObject(met.ObjectMeta, s.s.index.scope).role == roleForeign {
			s.foreign[at] = met.UID
		}
	}
	return nil
}

// missing are places where a copy should be and none is known, at most so many, of one source after the other.
func (s *Survey) missing(most int) (found []ref) {
	for _, source := range s.s.index.allSources() {
		for _, at := range s.s.targets(source) {
			if len(found) == most {
				return found
			}
			if s.s.index.at(at) != nil {
				continue
			}
			if v, p := s.plan(at); stateOf(v, p) == Missing && p.source == source {
				found = append(found, at)
			}
		}
	}
	return found
}
