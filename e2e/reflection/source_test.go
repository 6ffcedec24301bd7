package reflection

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/syncer"
)

func TestCopiesFollowEveryChangeOfTheSourcesValues(t *testing.T) {
	both(t, "values", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		targets := s.namespaces(3, "a", "team=web")
		s.secret(source, holding("text", "one"), holding("binary", "\x00\xff\xfe"), binary("plain", "one"), holding("empty", ""), to("team=web"))
		s.copied(source, targets...)
		for _, step := range []struct {
			what   string
			change like
		}{
			{"a value changed", holding("text", "two")},
			{"a key added", holding("more", "three")},
			{"a key removed", lacking("empty")},
			{"a key emptied", holding("more", "")},
			{"a binary value changed", holding("binary", "\xff\x00")},
			{"a binary value that is text changed", binary("plain", "two")},
			{"a binary value made text", holding("binary", "three")},
			{"a label added", labelled("tier", "gold")},
			{"an annotation added", annotated("example.com/note", "hello")},
			{"what tells of a certificate added", annotated("wildcast.dev/alt-names", "omni.test")},
			{"all keys but one removed", func(o *corev1.Secret) { o.Data = map[string][]byte{"text": []byte("three")} }},
		} {
			took := s.count(func() {
				s.edit(source, step.change)
				s.copied(source, targets...)
				for _, at := range targets {
					s.until(func() error { return s.dressed(source, place{Namespace: at, Name: "omni"}) })
				}
			})
			s.wantTally(step.what, took, tally{"get": 1, "update": len(targets)})
		}
	})
}

// dressed tells which labels and annotations of the source a copy lacks, less the one that marks the source.
func (s *story) dressed(source, at place) error {
	from, copy := s.get(source), s.get(at)
	for key, value := range from.Labels {
		if copy.Labels[key] != value {
			return fmt.Errorf("label %s is %q, want %q", key, copy.Labels[key], value)
		}
	}
	for key, value := range from.Annotations {
		if key != syncer.AnnotationSync && copy.Annotations[key] != value {
			return fmt.Errorf("annotation %s is %q, want %q", key, copy.Annotations[key], value)
		}
	}
	return nil
}

func TestLabelsAndAnnotationsThatTheSourceLosesGoFromItsCopies(t *testing.T) {
	both(t, "dress", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		target := place{Namespace: s.namespace("a", "team=web"), Name: "omni"}
		s.secret(source, holding("k", "v"), labelled("tier", "gold"), annotated("example.com/note", "hello"), to("team=web"))
		s.copied(source, target.Namespace)
		s.must(s.dressed(source, target))
		took := s.count(func() {
			s.edit(source, unannotated("example.com/note"), func(o *corev1.Secret) { delete(o.Labels, "tier") })
			s.until(func() error {
				copy := s.get(target)
				if copy.Labels["tier"] != "" || copy.Annotations["example.com/note"] != "" {
					return fmt.Errorf("labels %v, annotations %v", copy.Labels, copy.Annotations)
				}
				return nil
			})
		})
		s.wantTally("a label and an annotation that go", took, tally{"get": 1, "update": 1})
	})
}

func TestAnAnnotationThatIsRemovedOrFalseTakesTheCopiesAwayAndKeepsTheSource(t *testing.T) {
	for _, how := range []struct {
		name   string
		change like
	}{{"unmarked", unannotated(syncer.AnnotationSync)}, {"marked-false", to("false")}} {
		t.Run(how.name, func(t *testing.T) {
			both(t, how.name, func(t *testing.T, s *story) {
				source := s.at("source", "omni")
				s.namespace("source")
				targets := s.namespaces(3, "a", "team=web")
				s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
				s.copied(source, targets...)
				var was *corev1.Secret
				took := s.count(func() {
					was = s.edit(source, how.change)
					s.absent("omni", targets...)
				})
				s.wantTally("to unmark a source", took, tally{"delete": len(targets)})
				s.must(s.same(was))
			})
		})
	}
}

func TestASourceThatIsDeletedTakesItsCopiesAway(t *testing.T) {
	both(t, "deleted", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		targets := s.namespaces(3, "a", "team=web")
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, targets...)
		took := s.count(func() {
			s.remove(source)
			s.absent("omni", targets...)
		})
		s.wantTally("to delete a source", took, tally{"delete": len(targets)})
	})
}

func TestASourceWhoseNamespaceIsDeletedTakesItsCopiesAway(t *testing.T) {
	both(t, "namespace-deleted", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		targets := s.namespaces(3, "a", "team=web")
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, targets...)
		took := s.count(func() {
			s.must(s.kube.CoreV1().Namespaces().Delete(s.Context(), source.Namespace, metav1.DeleteOptions{}))
			s.absent("omni", targets...)
		})
		s.wantTally("to delete a source's namespace", took, tally{"delete": len(targets)})
	})
}

func TestASourceThatIsMadeAgainWithinTheGraceKeepsItsCopies(t *testing.T) {
	both(t, "made-again", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		targets := s.namespaces(3, "a", "team=web")
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, targets...)
		var were []*corev1.Secret
		for _, at := range places("omni", targets...) {
			were = append(were, s.get(at))
		}
		took := s.count(func() {
			s.remove(source)
			s.knows(0)
			s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
			s.copied(source, targets...)
		})
		s.wantTally("to make a source again", took, tally{"get": 1, "update": len(targets)})
		for i, at := range places("omni", targets...) {
			if s.get(at).UID != were[i].UID {
				t.Errorf("copy %s was deleted and made again", at)
			}
		}
		s.edit(source, unannotated(syncer.AnnotationSync)) // there is no grace for what is no longer marked
		s.absent("omni", targets...)
	}, "--delete-grace=10m")
}

func TestKubectlReplaceWithForceOfASourceKeepsItsCopies(t *testing.T) {
	both(t, "replace-force", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		target := place{Namespace: s.namespace("a", "team=web"), Name: "omni"}
		s.secret(source, holding("k", "v"), to("team=web"))
		s.copied(source, target.Namespace)
		was := s.get(target)
		yaml := s.kubectl("", "get", string(s.kind), "omni", "-n", source.Namespace, "-o", "yaml")
		s.kubectl(strings.NewReplacer("k: dg==", "k: dw==", "k: v\n", "k: w\n").Replace(yaml), "replace", "--force", "-f", "-")
		s.copied(source, target.Namespace)
		if is := s.get(target); is.UID != was.UID || string(is.Data["k"]) != "w" {
			t.Errorf("copy with k=%q; made anew: %v", is.Data["k"], is.UID != was.UID)
		}
		s.edit(source, unannotated(syncer.AnnotationSync))
		s.absent("omni", target.Namespace)
	}, "--delete-grace=10m")
}

func TestAnImmutableSourceThatIsReplacedReplacesItsCopiesAndTheFlagIsKept(t *testing.T) {
	both(t, "immutable", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		targets := s.namespaces(2, "a", "team=web")
		s.secret(source, holding("k", "one"), immutable, to("team=web"))
		s.copied(source, targets...)
		mine, other := place{Namespace: targets[0], Name: source.Name}, place{Namespace: targets[1], Name: source.Name}
		s.kubectl("", "-n", mine.Namespace, "label", string(s.kind), mine.Name, "mine=1")
		took := s.count(func() {
			s.remove(source)
			s.secret(source, holding("k", "two"), immutable, to("team=web"))
			s.copied(source, targets...)
		})
		s.wantTally("to replace an immutable source", took, tally{"get": 3, "delete": 2, "create": 2})
		s.edit(source, annotated("example.com/note", "new"))
		s.until(func() error { return errors.Join(s.dressed(source, mine), s.dressed(source, other)) })
		if is := s.get(mine); is.Labels["mine"] != "1" || is.Annotations[syncer.AnnotationKept] != "mine" {
			t.Errorf("a user's label is gone, or not known as one: %v %v", is.Labels, is.Annotations)
		}
		if kept, found := s.get(other).Annotations[syncer.AnnotationKept]; found {
			t.Errorf("%q is kept, which nobody has put there", kept)
		}
		s.edit(source, unannotated(syncer.AnnotationSync))
		s.absent("omni", targets...)
	}, "--delete-grace=10m")
}

func TestASourceThatBecomesImmutableOrOfAnotherTypeIsFollowed(t *testing.T) {
	s := tell(t, "type", "--delete-grace=10m")
	source := s.at("source", "omni")
	s.namespace("source")
	target := s.namespace("a", "team=web")
	s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
	s.copied(source, target)
	s.remove(source)
	s.secret(source, tlsPair(t, "omni.test"), ofType(corev1.SecretTypeOpaque), to("team=web"))
	s.copied(source, target)
	s.edit(source, immutable)
	s.copied(source, target)
	s.edit(source, unannotated(syncer.AnnotationSync))
	s.absent("omni", target)
}

func TestSecretsOfEveryTypeThatUsersMakeAreCopied(t *testing.T) {
	s := tell(t, "types")
	s.namespace("source")
	target := s.namespace("a", "team=web")
	for _, one := range []struct {
		name string
		how  []like
	}{
		{"opaque", []like{holding("k", "v")}},
		{"empty", []like{}},
		{"tls", []like{tlsPair(t, "omni.test")}},
		{"dockercfg", []like{ofType(corev1.SecretTypeDockerConfigJson), holding(corev1.DockerConfigJsonKey, `{"auths":{}}`)}},
		{"basic-auth", []like{ofType(corev1.SecretTypeBasicAuth), holding(corev1.BasicAuthUsernameKey, "u"), holding(corev1.BasicAuthPasswordKey, "p")}},
		{"ssh-auth", []like{ofType(corev1.SecretTypeSSHAuth), holding(corev1.SSHAuthPrivateKey, "k")}},
		{"own", []like{ofType("example.com/own"), holding("k", "v")}},
		{"big", []like{holding("k", strings.Repeat("x", 1<<20-100))}},
	} {
		s.secret(s.at("source", one.name), append(one.how, to("team=web"))...)
		s.copied(s.at("source", one.name), target)
	}
}

func TestANameOfNinetyCharactersAndMoreIsCopied(t *testing.T) {
	inBothDialects(t, "long-name", func(t *testing.T, s *story, to func(string) like) {
		s.namespace("source")
		target := s.namespace("a", "team=web")
		for _, length := range []int{63, 64, 90, 253} {
			source := s.at("source", strings.Repeat("n", length))
			s.secret(source, holding("k", "v"), to("team=web"))
			s.copied(source, target)
		}
	})
}

func TestSyncAsNamesTheCopiesAndAChangeMovesThem(t *testing.T) {
	both(t, "sync-as", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		targets := s.namespaces(2, "a", "team=web")
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"), annotated(syncer.AnnotationSyncAs, "one"))
		s.until(func() error { return s.areCopies(source, places("one", targets...)...) })
		s.must(s.areAbsent(places("omni", targets...)...))
		took := s.count(func() {
			s.edit(source, annotated(syncer.AnnotationSyncAs, "two"))
			s.until(func() error { return s.areCopies(source, places("two", targets...)...) })
			s.absent("one", targets...)
		})
		s.wantTally("another sync-as", took, tally{"get": 1, "create": 2, "delete": 2})
		s.edit(source, unannotated(syncer.AnnotationSyncAs))
		s.copied(source, targets...)
		s.absent("two", targets...)
	})
}

func TestSyncKeysChoosesWhatIsCopiedAndAChangeIsFollowed(t *testing.T) {
	both(t, "sync-keys", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		target := place{Namespace: s.namespace("a", "team=web"), Name: "omni"}
		s.secret(source, holding("a", "1"), holding("b", "2"), holding("c", "3"), to("team=web"), annotated(syncer.AnnotationSyncKeys, "a, b,absent"))
		s.until(func() error { return s.holds(target, "a=1", "b=2") })
		s.edit(source, annotated(syncer.AnnotationSyncKeys, "c"))
		s.until(func() error { return s.holds(target, "c=3") })
		s.settled(0)
		took := s.count(func() {
			before := s.looks()
			s.edit(source, holding("a", "9"))
			s.settled(before + 2) // at the source itself, and at the target
		})
		s.wantTally("a change of what is not copied", took, tally{"get": 1})
		s.must(s.holds(target, "c=3"))
		s.edit(source, unannotated(syncer.AnnotationSyncKeys))
		s.copied(source, target.Namespace)
	})
}

func TestASourceThatHasNoneOfTheKeysThatItListsKeepsItsCopiesAndIsReported(t *testing.T) {
	both(t, "no-such-key", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		web, db := s.namespace("web", "team=web"), s.namespace("db", "team=db")
		s.secret(source, holding("ca.crt", "1"), holding("notes", "2"), to("team=web"), annotated(syncer.AnnotationSyncKeys, "ca.crt"))
		s.until(func() error { return s.holds(place{Namespace: web, Name: "omni"}, "ca.crt=1") })
		was := s.get(place{Namespace: web, Name: "omni"})

		took := s.count(func() {
			s.edit(source, annotated(syncer.AnnotationSyncKeys, "ca.cert"), annotated(syncer.AnnotationSyncAs, "trust"), to("team=db"), holding("ca.crt", "9"))
			s.event(source, syncer.ReasonInvalidSyncKeys, `"ca.crt", "notes"`, "copies stay as they are")
			s.settled(0)
		})
		s.wantTally("a list of keys that there are not", took, tally{"get": 1})
		s.must(s.same(was))
		s.must(s.w.Restart(s.Context()))
		s.settled(2)
		s.must(s.same(was))

		s.edit(source, annotated(syncer.AnnotationSyncKeys, "ca.cert,ca.crt"))
		s.until(func() error { return s.holds(place{Namespace: db, Name: "trust"}, "ca.crt=9") })
		s.absent("omni", web)
	})
}

func TestOnlyTheCertificateOfAnAuthorityIsCopiedWithSyncKeys(t *testing.T) {
	s := tell(t, "sync-ca")
	source := s.at("source", "omni")
	s.namespace("source")
	target := place{Namespace: s.namespace("a", "team=web"), Name: "trust"}
	s.secret(source, tlsPair(t, "omni.test"), holding("ca.crt", "PEM"), to("team=web"),
		annotated(syncer.AnnotationSyncKeys, "ca.crt"), annotated(syncer.AnnotationSyncAs, "trust"))
	s.until(func() error { return s.holds(target, "ca.crt=PEM") })
	if got := s.get(target).Type; got != corev1.SecretTypeOpaque {
		t.Errorf("type %q: the API server would refuse a kubernetes.io/tls without tls.key", got)
	}
}

// holds tells whether an object has exactly this data.
func (s *story) holds(at place, data ...string) error {
	o, err := s.objects(at.Namespace).Get(s.Context(), at.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, want := range data {
		key, value, _ := strings.Cut(want, "=")
		if got, found := o.Data[key]; !found || string(got) != value {
			return fmt.Errorf("%s holds %q under %s, want %q", at, got, key, value)
		}
	}
	if len(o.Data) != len(data) {
		return fmt.Errorf("%s has %d keys, want %d", at, len(o.Data), len(data))
	}
	return nil
}
