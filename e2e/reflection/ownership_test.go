package reflection

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/syncer"
)

func TestAnObjectOfThatNameThatIsNotOursIsLeftAloneAndReportedAndTheCopyComesWhenItGoes(t *testing.T) {
	inBothDialects(t, "not-ours", func(t *testing.T, s *story, to func(string) like) {
		source := s.at("source", "omni")
		s.namespace("source")
		free, taken := s.namespace("free", "team=web"), s.namespace("taken", "team=web")
		obstacle := place{Namespace: taken, Name: "omni"}
		was := s.secret(obstacle, holding("mine", "1"))
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, free)
		s.event(source, syncer.ReasonTargetNotOurs, obstacle.String(), "kubectl -n "+taken+" annotate "+string(s.kind)+" omni wildcast.dev/adopt=true")
		s.edit(source, tlsPair(t, "omni.test"))
		s.copied(source, free)
		s.must(s.w.Restart(t.Context()))
		s.settled(3)
		s.must(s.same(was))
		took := s.count(func() {
			s.remove(obstacle)
			s.copied(source, taken)
		})
		s.wantTally("an obstacle that goes", took, tally{"create": 1})
	})
}

func TestAnObjectOfThatNameWhereNoCopyBelongsOutlivesTheSource(t *testing.T) {
	inBothDialects(t, "bystander", func(t *testing.T, s *story, to func(string) like) {
		source := s.at("source", "omni")
		s.namespace("source")
		target, other := s.namespace("target", "team=web"), s.namespace("other")
		was := s.secret(place{Namespace: other, Name: "omni"}, holding("mine", "1"))
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, target)
		s.remove(source)
		s.absent("omni", target)
		s.settled(0)
		s.must(s.same(was))
	})
}

func TestTheAdoptAnnotationHandsAnObjectOver(t *testing.T) {
	both(t, "adopt", func(t *testing.T, s *story) {
		s.namespace("source")
		taken := s.namespace("taken", "team=web")
		for _, row := range []struct {
			name string
			of   kind
			how  []like // the obstacle
			want tally
		}{
			{"data", "", []like{holding("mine", "1"), labelled("mine", "1")}, tally{"update": 1}},
			{"type", secrets, []like{ofType("example.com/own"), holding("mine", "1")}, tally{"update": 1, "get": 1, "delete": 1, "create": 1}},
			{"immutable", "", []like{immutable, holding("mine", "1")}, tally{"get": 1, "delete": 1, "create": 1}},
		} {
			if row.of != "" && row.of != s.kind {
				continue
			}
			source, obstacle := s.at("source", row.name), place{Namespace: taken, Name: row.name}
			was := s.secret(obstacle, row.how...)
			s.secret(source, holding("k", "v"), to("team=web"))
			s.event(source, syncer.ReasonTargetNotOurs, obstacle.String())
			took := s.count(func() {
				s.kubectl("", "-n", taken, "annotate", string(s.kind), row.name, "wildcast.dev/adopt=true")
				s.copied(source, taken)
			})
			s.wantTally(row.name, took, row.want)
			is := s.get(obstacle)
			if _, found := is.Annotations[syncer.AnnotationAdopt]; found {
				t.Errorf("%s: it is still offered", row.name)
			}
			if row.name == "data" && (is.UID != was.UID || is.Labels["mine"] != "1") {
				t.Errorf("%s: made anew, or its label %v is lost", row.name, is.Labels)
			}
			s.remove(source)
			s.absent(row.name, taken)
		}
	})
}

func TestACopyThatAnotherClustersWildcastMadeIsLeftAloneUntilItIsHandedOver(t *testing.T) {
	both(t, "restored", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		obstacle := place{Namespace: s.namespace("target", "team=web"), Name: "omni"}
		was := s.secret(obstacle, holding("k", "old"), labelled(syncer.LabelOriginCluster, "elsewhere"),
			annotated(syncer.AnnotationTarget, obstacle.String()), annotated(syncer.AnnotationOrigin, `{"namespace":"gone","name":"omni","uid":"u","resourceVersion":"1"}`))
		s.secret(source, holding("k", "v"), to("team=web"))
		s.event(source, syncer.ReasonTargetNotOurs, obstacle.String(), "wildcast.dev/adopt=true")
		s.must(s.same(was))
		s.kubectl("", "-n", obstacle.Namespace, "annotate", string(s.kind), obstacle.Name, "wildcast.dev/adopt=true")
		s.copied(source, obstacle.Namespace)
		is := s.get(obstacle)
		if _, found := is.Annotations[syncer.AnnotationAdopt]; found || is.UID != was.UID {
			t.Errorf("it was made anew, or is still offered: %v", is.Annotations)
		}
	})
}

func TestAnObjectThatIsOfferedWhereNoCopyBelongsIsLeftAlone(t *testing.T) {
	both(t, "offered", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		target, other := s.namespace("target", "team=web"), s.namespace("other")
		was := s.secret(place{Namespace: other, Name: "omni"}, holding("mine", "1"), annotated(syncer.AnnotationAdopt, "true"))
		s.secret(source, holding("k", "v"), to("team=web"))
		s.copied(source, target)
		s.remove(source)
		s.absent("omni", target)
		s.settled(0)
		s.must(s.same(was))
	})
}

func TestACloneThatAUserMakesOfACopyIsNeverTouched(t *testing.T) {
	both(t, "clone", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		target, second, plain := s.namespace("target", "team=web"), s.namespace("second", "team=web"), s.namespace("plain")
		s.secret(source, holding("k", "v"), to("team=web"))
		s.copied(source, target, second)
		clone := func(to place) *corev1.Secret {
			text := s.kubectl("", "get", string(s.kind), "omni", "-n", target, "-o", "yaml")
			var lines []string
			for line := range strings.Lines(text) {
				line = strings.Replace(line, "  name: omni\n", "  name: "+to.Name+"\n", 1)
				line = strings.Replace(line, "  namespace: "+target+"\n", "  namespace: "+to.Namespace+"\n", 1)
				if !strings.HasPrefix(line, "  uid:") && !strings.HasPrefix(line, "  resourceVersion:") {
					lines = append(lines, line)
				}
			}
			s.kubectl(strings.Join(lines, ""), "apply", "-f", "-")
			made := s.get(to)
			if made.Annotations[syncer.AnnotationTarget] != target+"/omni" {
				t.Fatalf("the clone has the annotations %v", made.Annotations)
			}
			return made
		}
		clones := []*corev1.Secret{
			clone(place{Namespace: plain, Name: "omni"}),
			clone(place{Namespace: plain, Name: "another"}),
			clone(place{Namespace: target, Name: "another"}),
		}
		untouched := func() {
			t.Helper()
			for _, was := range clones {
				s.must(s.same(was))
			}
		}
		s.edit(source, holding("k", "w"))
		s.copied(source, target, second)
		s.settled(0)
		untouched()
		s.must(s.w.Restart(t.Context()))
		s.settled(3)
		untouched()
		s.relabel(plain, "team", "web")
		s.event(source, syncer.ReasonTargetNotOurs, plain+"/omni")
		untouched()
		s.relabel(plain, "team", "")
		s.remove(source)
		s.absent("omni", target, second)
		untouched()
	})
}

func TestACopyThatLosesTheMarksThatProveItOursIsNobodysAndReported(t *testing.T) {
	for _, mark := range []string{"origin", "target"} {
		t.Run(mark, func(t *testing.T) {
			both(t, "released-"+mark, func(t *testing.T, s *story) {
				source := s.at("source", "omni")
				s.namespace("source")
				copy := place{Namespace: s.namespace("target", "team=web"), Name: "omni"}
				s.secret(source, holding("k", "v"), to("team=web"))
				s.copied(source, copy.Namespace)
				was := s.edit(copy, unannotated(syncer.Prefix+mark))
				s.event(source, syncer.ReasonTargetNotOurs, copy.String())
				s.edit(source, holding("k", "w"))
				s.settled(0)
				s.must(s.same(was))
				s.edit(copy, annotated(syncer.AnnotationAdopt, "true"))
				s.copied(source, copy.Namespace)
			})
		})
	}
}

func TestOfTwoSourcesThatWantOneTargetTheOlderWinsAndTheOtherIsReported(t *testing.T) {
	both(t, "conflict", func(t *testing.T, s *story) {
		first, second := s.at("z", "omni"), s.at("a", "omni") // by the alphabet the second would win
		s.namespace("z")
		s.namespace("a")
		shared, only := s.namespace("shared", "team=web", "env=test"), s.namespace("only", "env=test")
		a := s.secret(first, tlsPair(t, "first.test"), to("team=web"))
		s.until(func() error { return s.aSecondAfter(a) })
		s.secret(second, tlsPair(t, "second.test"), to("env=test"))
		s.copied(first, shared)
		s.copied(second, only)
		s.event(second, syncer.ReasonConflict, first.String(), shared+"/omni", syncer.AnnotationSyncAs)

		took := s.count(func() {
			s.must(s.w.Restart(t.Context()))
			s.settled(4)
		})
		s.wantTally("a restart", took, tally{})
		s.copied(first, shared)
		took = s.count(func() {
			s.edit(second, tlsPair(t, "second.test"))
			s.copied(second, only)
		})
		s.wantTally("a change of the younger", took, tally{"get": 1, "update": 1})
		took = s.count(func() {
			s.remove(first)
			s.copied(second, shared)
		})
		s.wantTally("the end of the older", took, tally{"update": 1})
	})
}

func TestWhatMustNotBeReflectedIsNotWhateverItsSelector(t *testing.T) {
	s := tell(t, "never")
	source := s.namespace("source")
	never := []struct {
		name string
		how  []like
	}{
		{"account-token", []like{ofType(corev1.SecretTypeServiceAccountToken), annotated(corev1.ServiceAccountNameKey, "default")}},
		{"helm-release", []like{ofType("helm.sh/release.v1"), holding("release", "x")}},
		{"bootstrap", []like{ofType(corev1.SecretTypeBootstrapToken), holding("token-id", "abcdef")}},
		{"issuer", []like{ofType("wildcast.dev/issuer"), holding("server", "letsencrypt-staging")}},
		{"solver", []like{ofType("wildcast.dev/dns01"), holding("provider", "rfc2136")}},
		{"account", []like{ofType("wildcast.dev/account"), holding("k", "v")}},
		{"order", []like{ofType("wildcast.dev/order"), holding("k", "v")}},
	}
	s.until(func() error {
		_, err := s.kube.CoreV1().ServiceAccounts(source).Get(t.Context(), "default", metav1.GetOptions{})
		return err
	})
	for _, one := range never {
		s.secret(place{Namespace: source, Name: one.name}, append(one.how, to(""))...)
	}
	last := s.at("source", "last")
	s.secret(last, holding("k", "v"), to(""))
	s.copied(last, s.everywhere(source)...)
	s.settled(0)
	for _, one := range never {
		s.must(s.areAbsent(places(one.name, s.everywhere(source)...)...))
	}
}

func TestACopyThatIsMarkedAsASourceIsNotReflected(t *testing.T) {
	both(t, "marked-copy", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		target := s.namespace("target", "team=web")
		s.secret(source, holding("k", "v"), to("team=web"))
		s.copied(source, target)
		s.edit(place{Namespace: target, Name: "omni"}, to(""))
		s.settled(0)
		s.must(s.areAbsent(places("omni", s.everywhere(source.Namespace, target)...)...))
	})
}

func TestMarksOfArgoHelmAndKubectlOwnersAndFinalizersAreNotOnTheCopy(t *testing.T) {
	for _, name := range []string{"safe", "all", "none"} {
		t.Run(name, func(t *testing.T) {
			both(t, "metadata-"+name, func(t *testing.T, s *story) {
				source := s.at("source", "omni")
				s.namespace("source")
				target := place{Namespace: s.namespace("target", "team=web"), Name: "omni"}
				bound := map[string]string{
					"kubectl.kubernetes.io/last-applied-configuration": "{}", "argocd.argoproj.io/tracking-id": "x", "argocd.argoproj.io/sync-wave": "1",
					"meta.helm.sh/release-name": "x", "meta.helm.sh/release-namespace": "x", "helm.sh/hook": "x",
				}
				how := []like{holding("k", "v"), to("team=web"), labelled("tier", "gold"), annotated("example.com/note", "hello"),
					labelled("app.kubernetes.io/name", "omni"), labelled("app.kubernetes.io/instance", "omni"),
					labelled("app.kubernetes.io/managed-by", "Helm"), labelled("helm.sh/chart", "omni-1"), s.owned}
				for key, value := range bound {
					how = append(how, annotated(key, value))
				}
				s.secret(source, how...)
				s.until(func() error { return s.holds(target, "k=v") })
				copy := s.get(target)
				has := func(what string, got map[string]string, key string, want bool) {
					if _, found := got[key]; found != want {
						t.Errorf("%s %s on the copy: %v, want %v", what, key, found, want)
					}
				}
				has("label", copy.Labels, "tier", name != "none")
				has("label", copy.Labels, "app.kubernetes.io/name", name != "none")
				has("annotation", copy.Annotations, "example.com/note", name != "none")
				for _, key := range []string{"app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "helm.sh/chart"} {
					has("label", copy.Labels, key, name == "all")
				}
				for key := range bound {
					has("annotation", copy.Annotations, key, name == "all")
				}
				has("annotation", copy.Annotations, syncer.AnnotationSync, false)
				if copy.OwnerReferences != nil || copy.Finalizers != nil {
					t.Errorf("owners %v, finalizers %v", copy.OwnerReferences, copy.Finalizers)
				}
				s.edit(source, func(o *corev1.Secret) { o.Finalizers = nil })
			}, "--copy-metadata="+name)
		})
	}
}

// owned gives a Secret an owner, which lives, and a finalizer.
func (s *story) owned(o *corev1.Secret) {
	owner, err := s.kube.CoreV1().ConfigMaps(o.Namespace).Create(s.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Name: "owner", Labels: map[string]string{stage.Label: s.name}}}, metav1.CreateOptions{})
	s.must(err)
	o.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}}
	o.Finalizers = []string{"example.com/mine"}
}
