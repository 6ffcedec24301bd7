package reflection

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/syncer"
)

func TestAQuotaThatBlocksOneNamespaceDelaysNoOtherAndItsCopyComesWhenTheQuotaIsLifted(t *testing.T) {
	inBothDialects(t, "quota", func(t *testing.T, s *story, to func(string) like) {
		source := s.at("source", "omni")
		s.namespace("source")
		blocked, others := s.namespace("a-blocked", "team=web"), s.namespaces(3, "b", "team=web")
		s.must(stage.Fill(t.Context(), s.kube, blocked, s.kind.resource()))
		s.settled(0)
		before := len(s.requests())
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, others...)
		if tries := s.triesBefore(before, "create", others, blocked); tries > 1 {
			t.Errorf("it was tried %d times where the quota is before the others were served", tries)
		}
		s.event(source, syncer.ReasonTargetFailed, blocked+"/omni", "exceeded quota", "Raise the quota")
		took := s.count(func() {
			before = len(s.requests())
			s.edit(source, tlsPair(t, "omni.test"))
			s.copied(source, others...)
		})
		if took["update"] != len(others) {
			t.Errorf("a change of the source took the requests %v", took)
		}
		if tries := s.triesBefore(before, "update", others, blocked); tries > 2 { // for the change, and for the last failure
			t.Errorf("after a change it was tried %d times where the quota is before the others were served", tries)
		}
		s.must(s.kube.CoreV1().ResourceQuotas(blocked).Delete(t.Context(), stage.Quota, metav1.DeleteOptions{}))
		s.copied(source, blocked)

		s.must(stage.Fill(t.Context(), s.kube, blocked, s.kind.resource()))
		s.refusedOften(place{Namespace: blocked, Name: "omni"}, 6) // which is tried again 32 s after the last
		began := time.Now()
		s.edit(source, tlsPair(t, "omni.test"))
		s.copied(source, others...)
		if waited := time.Since(began); waited > 20*time.Second {
			t.Errorf("a change took %v to the others: they waited until it was tried again where the quota is", waited)
		}
	}, "--workers=1") // one thing after the other
}

// refusedOften deletes a copy that the API server does not let be made again, and has wildcast try so many times.
func (s *story) refusedOften(at place, times int) {
	s.Helper()
	before := len(s.requests())
	s.remove(at)
	for n := range times {
		s.relabel(at.Namespace, "tried", fmt.Sprint(n))
		s.until(func() error {
			if tries := s.tallyAt(before, at)["create"]; tries <= n {
				return fmt.Errorf("%s was tried %d times", at, tries)
			}
			return nil
		})
	}
}

// triesBefore counts the creates in a namespace before the last write in the others, of which each took one, after so many
// of all requests.
func (s *story) triesBefore(after int, verb string, others []string, namespace string) (tries int) {
	s.Helper()
	left := len(others)
	for _, r := range s.requests()[after:] {
		switch {
		case r.Resource != s.kind.resource() || left == 0:
		case r.Namespace == namespace && r.Verb == "create":
			tries++
		case slices.Contains(others, r.Namespace) && r.Verb == verb && succeeded(r):
			left--
		}
	}
	if left > 0 {
		s.Errorf("%d of %d others saw no %s", left, len(others), verb)
	}
	return tries
}

func TestANamespaceThatIsTerminatingDelaysNoOtherAndIsLeftInPeace(t *testing.T) {
	both(t, "terminating", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		stuck, others := s.namespace("a-stuck", "team=web"), s.namespaces(3, "b", "team=web")
		release := s.stick(stuck)
		before := len(s.requests())
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, others...)
		s.settled(len(others))
		s.rests(time.Second)
		s.refusedOnce(before, place{Namespace: stuck, Name: "omni"})
		before = len(s.requests())
		s.must(s.w.Restart(t.Context())) // the next one knows from the start
		s.settled(len(others))
		s.edit(source, tlsPair(t, "omni.test"))
		s.copied(source, others...)
		s.rests(5 * time.Second)
		s.wantTally("the namespace that ends", s.tallyAt(before, place{Namespace: stuck, Name: "omni"}), tally{})
		release()
		s.until(func() error { return s.namespaceGone(stuck) })
		s.namespace("a-stuck", "team=web")
		s.copied(source, stuck)
	})
}

// rests checks that for so long wildcast asks for nothing, and looks at nothing of the story's kind.
func (s *story) rests(d time.Duration) {
	s.Helper()
	s.alone()
	s.settled(0)
	looks := func() int {
		m, err := s.w.Metrics(s.Context())
		s.must(err)
		return int(m.Sum("workqueue_work_duration_seconds", "name", s.kind.resource()))
	}
	asked, looked := s.quiet(), looks()
	s.stays(d, func() error {
		if now := s.requests(); len(now) > asked {
			return fmt.Errorf("while nothing changed it asked for %v", now[asked:])
		}
		if now := looks(); now > looked {
			return fmt.Errorf("while nothing changed it looked at %d targets", now-looked)
		}
		return nil
	})
}

// alone waits until the namespaces of earlier stories, which end in the background, are empty: wildcast looks where a copy
// was.
func (s *story) alone() {
	s.Helper()
	others, err := s.kube.CoreV1().Namespaces().List(s.Context(), metav1.ListOptions{LabelSelector: stage.Label + "," + stage.Label + "!=" + s.name})
	s.must(err)
	for _, ns := range others.Items {
		s.until(func() error {
			left, err := s.objects(ns.Name).List(s.Context(), metav1.ListOptions{})
			if err != nil {
				return err
			}
			for _, o := range left.Items {
				if o.DeletionTimestamp == nil {
					err = fmt.Errorf("%s/%s of an earlier story is still there", o.Namespace, o.Name)
				}
			}
			return err
		})
	}
}

// refusedOnce checks that at most one request was made about what should be in a namespace that ends, after so many of all:
// a create, which was refused. It comes if the source, or the end of a copy, is heard of before the end of the namespace;
// these come in different watches.
func (s *story) refusedOnce(after int, at place) {
	s.Helper()
	if took := s.tallyAt(after, at); len(took) > 0 {
		s.wantTally("the end of a namespace", took, tally{"create": 1})
	}
	done := s.tallied(s.requests()[after:], func(r cluster.Request) bool { return about(at)(r) && succeeded(r) })
	s.wantTally("what succeeded at the end of a namespace", done, tally{})
}

// stick deletes a namespace, which cannot end until release is called.
func (s *story) stick(namespace string) (release func()) {
	s.Helper()
	maps := s.kube.CoreV1().ConfigMaps(namespace)
	held, err := maps.Create(s.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "held", Finalizers: []string{"example.com/held"}}}, metav1.CreateOptions{})
	s.must(err)
	s.must(s.kube.CoreV1().Namespaces().Delete(s.Context(), namespace, metav1.DeleteOptions{}))
	return func() {
		s.Helper()
		s.until(func() error {
			held, err = maps.Get(s.Context(), held.Name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			held.Finalizers = nil
			_, err = maps.Update(s.Context(), held, metav1.UpdateOptions{})
			return err
		})
	}
}

func (s *story) namespaceGone(name string) error {
	_, err := s.kube.CoreV1().Namespaces().Get(s.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return errors.Join(err, fmt.Errorf("namespace %s is still there", name))
}

func TestATargetNamespaceThatIsDeletedGoesCleanlyAndNothingIsMadeInItAgain(t *testing.T) {
	both(t, "target-deleted", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		leaves, stays := s.namespace("leaves", "team=web"), s.namespace("stays", "team=web")
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, leaves, stays)
		s.settled(0)
		before := len(s.requests())
		s.must(s.kube.CoreV1().Namespaces().Delete(t.Context(), leaves, metav1.DeleteOptions{}))
		s.until(func() error { return s.namespaceGone(leaves) })
		s.settled(0)
		s.refusedOnce(before, place{Namespace: leaves, Name: source.Name})
		took := s.count(func() {
			s.namespace("leaves", "team=web")
			s.copied(source, leaves)
		})
		s.wantTally("a namespace that is made again", took, tally{"create": 1})
	})
}

// Wildcast is held to 15 requests a second, so that the restart comes in the middle. There is no Lease, which it could
// lose while the API server starts on a busy machine: it would end then, for the kubelet to start it again.
func TestAnAPIServerThatRestartsInTheMiddleOfAFanOutLosesNoCopy(t *testing.T) {
	const n = 150
	s := tell(t, "api-restart", "--kube-api-qps=15")
	source := s.at("source", "omni")
	s.namespace("source")
	targets := s.namespaces(n, "t", "team=web")
	before := len(s.requests())
	s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
	s.reached(before, "create", 10)
	s.must(shared.RestartAPIServer(t.Context()))
	s.copied(source, targets...)
	s.settled(n)
	if made := len(s.made(before)); made != n {
		t.Errorf("%d copies were made, of %d", made, n)
	}
	if !s.paused(before, "create", time.Second) {
		t.Error("the restart did not come in the middle")
	}
	took := s.count(func() {
		s.edit(source, tlsPair(t, "omni.test"))
		s.copied(source, targets...)
	})
	s.wantTally("a change after the restart", took, tally{"get": 1, "update": n})
	took = s.count(func() {
		s.remove(source)
		s.absent("omni", targets...)
	})
	s.wantTally("the end after the restart", took, tally{"delete": n})
}

// paused tells whether requests of a verb about Secrets, after so many of all requests, were once so far apart.
func (s *story) paused(after int, verb string, apart time.Duration) bool {
	s.Helper()
	var last time.Time
	for _, r := range s.requests()[after:] {
		if r.Resource != s.kind.resource() || r.Verb != verb || !succeeded(r) {
			continue
		}
		if !last.IsZero() && r.Received.Sub(last) > apart {
			return true
		}
		last = r.Received
	}
	return false
}
