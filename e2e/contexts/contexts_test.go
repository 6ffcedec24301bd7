package contexts

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/wildcast"
	"github.com/wildcast/wildcast/syncer"
)

func TestACopyGoesToTheContextsThatASourceNamesAndNowhereElseAndGoesWithTheAnnotation(t *testing.T) {
	s := open(t, "secret", "named")
	s.contexts(nil)
	s.run()
	into := s.name + "-into"
	s.narrow(into)
	s.contexts(func(config *clientcmdapi.Config) { s.context(config, "narrow", other, into, "narrow", into) })
	for _, s := range s.kinds() {
		s.source("s", "over,narrow", "one") // narrow is new: wildcast runs already
	}
	for _, s := range s.kinds() {
		s.named(into)
	}
	listed, err := other.Requests(func(r cluster.Request) bool {
		return (r.Verb == "list" || r.Verb == "watch") && !strings.Contains(r.URI, "labelSelector=wildcast.dev%2Forigin.cluster%3Dunicorn")
	})
	if err != nil || len(listed) > 0 {
		s.Errorf("more was listed than copies: %+v, %v", listed, err)
	}
}

// named plays with a source that names two contexts, of which one leads into that namespace, then one, then none.
func (s *scene) named(into string) {
	copy := s.copied("s", s.at("s"), "one")
	if copy.Annotations[syncer.AnnotationTarget] != "over/"+s.name+"/s" {
		s.Error(copy.Annotations)
	}
	s.copied("s", place{Namespace: into, Name: "s"}, "one")
	s.source("s", "over", "two")
	s.copied("s", s.at("s"), "two")
	s.absent(s.over, place{Namespace: into, Name: "s"})
	if got, want := s.writes(), map[string]int{"create": 1, "update": 1}; !maps.Equal(got, want) {
		s.Errorf("writes of %ss were %v, want %v", s.kind, got, want)
	}
	was := s.source("s", "", "two")
	s.absent(s.over, s.at("s"))
	s.untouched(s.here, was)
}

func TestWhatSomebodyDoesToACopyInTheOtherClusterIsRepaired(t *testing.T) {
	both(t, "drift", func(s *scene) {
		s.source("s", "over", "one")
		s.copied("s", s.at("s"), "one")
		s.change(s.over, s.at("s"), func(o *thing) { o.data["key"] = "two" })
		s.copied("s", s.at("s"), "one")
		s.change(s.over, s.at("s"), func(o *thing) { delete(o.Labels, syncer.LabelOriginCluster) }) // the watch loses sight of it
		s.copied("s", s.at("s"), "one")
		s.must(s.over.remove(s.Context(), s.at("s")))
		s.copied("s", s.at("s"), "one")
	})
}

func TestWhatIsNotOursInTheOtherClusterIsLeftAloneUntilItIsHandedOver(t *testing.T) {
	both(t, "not-ours", func(s *scene) {
		was := s.change(s.over, s.at("s"), func(o *thing) { o.data["key"] = "theirs" })
		s.source("s", "over", "one")
		s.event("s", syncer.ReasonTargetNotOurs, `in context "over"`, "kubectl --context over -n "+s.name+" annotate "+s.kind)
		s.untouched(s.over, was)
		s.change(s.over, s.at("s"), func(o *thing) { o.Annotations[syncer.AnnotationAdopt] = "true" })
		if is := s.copied("s", s.at("s"), "one"); is.UID != was.UID {
			s.Error("it was made anew")
		}
	})
}

func TestWhatChangedWhileWildcastWasDownIsHealedInTheOtherCluster(t *testing.T) {
	both(t, "down", func(s *scene) {
		for _, name := range []string{"stays", "gone", "unmarked", "edited"} {
			s.source(name, "over", "one")
			s.copied(name, s.at(name), "one")
		}
		s.w.Stop()
		s.must(s.here.remove(s.Context(), s.at("gone")))
		s.source("unmarked", "", "one")
		s.change(s.over, s.at("edited"), func(o *thing) { o.data["key"] = "two" })
		s.must(s.w.Restart(s.Context()))
		s.absent(s.over, s.at("gone"))
		s.absent(s.over, s.at("unmarked"))
		s.copied("edited", s.at("edited"), "one")
		if got, want := s.writes(), map[string]int{"create": 4, "delete": 2, "update": 1}; !maps.Equal(got, want) {
			s.Errorf("writes were %v, want %v", got, want)
		}
	})
}

// reachable is the metric that tells whether a context's cluster answers.
const reachable = "wildcast_sync_context_reachable"

func TestAClusterThatCannotBeReachedDelaysNothingHereAndIsServedWhenItIsBack(t *testing.T) {
	for name, lose := range map[string]func(*gate){"refused": (*gate).shut, "silent": (*gate).silence} {
		t.Run(name, func(t *testing.T) {
			s := open(t, "secret", "away-"+name)
			lose(s.gate) // before wildcast starts, which gets ready all the same
			s.contexts(nil)
			s.run("--workers=1")
			blue := s.namespaces(5)
			for _, s := range s.kinds() {
				s.everywhere("one", "s")
				s.hold(blue, "one", "s")
				s.event("s", syncer.ReasonTargetFailed, `in context "over"`)
				s.gauge("wildcast_sync_targets_failing", 1)
				s.gauge(reachable, 0)
			}
			if code := s.w.Stop(); code != 0 {
				t.Errorf("it stopped with exit code %d", code)
			}
			s.must(s.w.Restart(t.Context()))
			s.gate.reopen(t)
			for _, s := range s.kinds() {
				s.copied("s", s.at("s"), "one")
				s.gauge(reachable, 1)
			}
			lose(s.gate) // and now later
			// To a silent server a look takes 10 s and more: if these were in the way of copies here, the last would come later
			// than hold waits.
			many := []string{"s"}
			for i := range 12 {
				many = append(many, fmt.Sprint("more-", i))
			}
			for _, s := range s.kinds() {
				s.everywhere("two", many...)
				s.hold(blue, "two", many...)
			}
			s.gate.reopen(t)
			for _, s := range s.kinds() {
				s.comeAndGo("two", many...)
			}
		})
	}
}

func TestTheMetricsTellThatAClusterWentAwayAndIsBack(t *testing.T) {
	s := open(t, "secret", "metrics")
	s.contexts(nil)
	s.run()
	tells := func(want float64) {
		t.Helper()
		for _, s := range s.kinds() {
			s.gauge(reachable, want)
		}
	}
	tells(1)
	s.gate.shut()
	tells(0)
	s.gate.reopen(t)
	tells(1)
}

func TestCredentialsAndContextsInTheFileMayChangeWhileWildcastRuns(t *testing.T) {
	s := open(t, "secret", "rotated")
	s.contexts(func(config *clientcmdapi.Config) { config.AuthInfos["over"].Token = "expired" })
	s.run()
	s.source("s", "nowhere,over", "one")
	s.event("s", syncer.ReasonTargetFailed, `in context "over"`, "Renew the context's credentials")
	s.event("s", syncer.ReasonUnknownContext, `"nowhere"`, `"over", "self"`)
	s.contexts(nil)
	s.copied("s", s.at("s"), "one")
	s.contexts(func(config *clientcmdapi.Config) { delete(config.Contexts, "over") })
	s.event("s", syncer.ReasonUnknownContext, `"nowhere", "over"`)
	s.source("s", "", "one")
	s.contexts(nil)
	s.absent(s.over, s.at("s"))
	log, err := s.w.Logs()
	s.must(err)
	if strings.Contains(log, "expired") {
		t.Error("the token is in the log")
	}
}

func TestTheWildcastOfTheOtherClusterLeavesTheCopyAlone(t *testing.T) {
	both(t, "neighbour", func(s *scene) {
		neighbour := wildcast.New(s.T, other, wildcast.Options{Name: s.name + "-neighbour", Args: []string{"--cluster-name=unicorn", "--delete-grace=0s", "--leader-elect=false"}})
		s.source("s", "over", "one")
		was := s.copied("s", s.at("s"), "one")
		s.must(neighbour.Restart(s.Context()))
		blue := s.name + "-blue"
		_, err := s.over.kube.CoreV1().Namespaces().Create(s.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: blue, Labels: map[string]string{"team": s.name}}}, metav1.CreateOptions{})
		s.must(err)
		s.change(s.over, s.at("t"), func(o *thing) { o.Annotations[syncer.AnnotationSync], o.data["key"] = "team="+s.name, "their" })
		s.copied("t", place{Namespace: blue, Name: "t"}, "their") // it is at work
		s.untouched(s.over, was)
		s.source("s", "", "one")
		s.absent(s.over, s.at("s"))
		if _, err := s.over.get(s.Context(), place{Namespace: blue, Name: "t"}); err != nil {
			s.Error("the neighbour's copy was taken away:", err)
		}
	})
}

func TestAContextThatLeadsHomeDoesNotFightWithTheHomeCluster(t *testing.T) {
	both(t, "self", func(s *scene) {
		far := s.namespaces(1)[0]
		was := s.source("s", "self", "one") // into its own namespace: onto itself
		s.event("s", syncer.ReasonTargetNotOurs, "the context leads to this cluster")
		s.change(s.here, place{Namespace: far, Name: "t"}, func(o *thing) {
			o.Annotations[syncer.AnnotationSyncContexts], o.Annotations[syncer.AnnotationSync], o.data["key"] = "self", "kubernetes.io/metadata.name="+s.name, "one"
		})
		s.until(func() error { _, err := s.here.get(s.Context(), s.at("t")); return err })
		first, err := s.here.get(s.Context(), s.at("t"))
		s.must(err)
		s.must(s.w.Restart(s.Context()))
		s.change(s.here, place{Namespace: far, Name: "u"}, func(o *thing) {
			o.Annotations[syncer.AnnotationSync], o.data["key"] = "kubernetes.io/metadata.name="+s.name, "one"
		})
		s.until(func() error { _, err := s.here.get(s.Context(), s.at("u")); return err })
		s.untouched(s.here, first) // there is no fight
		s.untouched(s.here, was)
	})
}

// namespaces makes namespaces at home, of a team that has the scene's name.
func (s *scene) namespaces(n int) (names []string) {
	s.Helper()
	for i := range n {
		meta := metav1.ObjectMeta{Name: fmt.Sprint(s.name, "-", i), Labels: map[string]string{"team": s.name}}
		_, err := s.here.kube.CoreV1().Namespaces().Create(s.Context(), &corev1.Namespace{ObjectMeta: meta}, metav1.CreateOptions{})
		s.must(err)
		s.Cleanup(func() {
			_ = s.here.kube.CoreV1().Namespaces().Delete(context.Background(), meta.Name, metav1.DeleteOptions{})
		})
		names = append(names, meta.Name)
	}
	return names
}

// everywhere makes or changes sources of the scene whose copies go into the scene's team's namespaces and the other cluster.
func (s *scene) everywhere(value string, names ...string) {
	s.Helper()
	for _, name := range names {
		s.change(s.here, s.at(name), func(o *thing) {
			o.Annotations[syncer.AnnotationSyncContexts], o.Annotations[syncer.AnnotationSync], o.data["key"] = "over", "team="+s.name, value
		})
	}
}

// comeAndGo waits until these sources have copies with that value in the other cluster, and until these have gone with the
// annotation.
func (s *scene) comeAndGo(value string, names ...string) {
	s.Helper()
	for _, name := range names {
		s.copied(name, s.at(name), value)
		s.source(name, "", value)
	}
	for _, name := range names {
		s.absent(s.over, s.at(name))
	}
}

// hold waits until all of the namespaces have copies of these names with that value.
func (s *scene) hold(namespaces []string, value string, names ...string) {
	s.Helper()
	s.until(func() error {
		for _, namespace := range namespaces {
			for _, name := range names {
				o, err := s.here.get(s.Context(), place{Namespace: namespace, Name: name})
				if err != nil {
					return err
				}
				if o.data["key"] != value {
					return fmt.Errorf("the copy %s/%s is old", namespace, name)
				}
			}
		}
		return nil
	})
}

// TestTheCommandsOfTheDocumentationMakeAContext runs those of docs/reflection.md for other clusters, with shorter names for
// what is a file there.
func TestTheCommandsOfTheDocumentationMakeAContext(t *testing.T) {
	page, err := os.ReadFile("../../docs/reflection.md")
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, "secret", "commands")
	admin, err := clientcmd.LoadFromFile(other.Kubeconfig())
	s.must(err)
	admin.Contexts["prod"] = admin.Contexts["wildcast"]
	s.must(clientcmd.WriteToFile(*admin, s.file+".admin"))
	s.must(os.WriteFile(s.file+".ca", admin.Clusters["wildcast"].CertificateAuthorityData, 0o600))
	token, staging := "", s.name+"-staging"
	_, err = s.over.kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: staging}}, metav1.CreateOptions{})
	s.must(err)
	t.Cleanup(func() {
		_ = s.over.kube.CoreV1().Namespaces().Delete(context.Background(), staging, metav1.DeleteOptions{})
	})
	run := func(command, kubeconfig string) string {
		t.Helper()
		if !strings.Contains(string(page), "\nkubectl "+command+"\n") {
			t.Errorf("docs/reflection.md does not have: kubectl %s", command)
		}
		command = strings.NewReplacer("manifests/", "../../manifests/", "./contexts.kubeconfig", s.file, "vault", s.name, "TOKEN", token, "./prod-ca.crt", s.file+".ca",
			"https://prod.example.com:6443", other.URL(), "--namespace=staging", "--namespace="+staging).Replace(command)
		out, err := home.KubectlWith(t.Context(), kubeconfig, nil, strings.Fields(command)...)
		s.must(err)
		return strings.TrimSpace(out)
	}
	run("--context prod apply -k manifests/contexts", s.file+".admin")
	token = run("--context prod -n wildcast-import create token wildcast-import --duration 8760h", s.file+".admin")
	for _, set := range []string{
		"set-cluster prod --server=https://prod.example.com:6443 --certificate-authority=./prod-ca.crt --embed-certs=true",
		"set-credentials prod --token=TOKEN",
		"set-context prod --cluster=prod --user=prod",
		"set-context staging --cluster=prod --user=prod --namespace=staging",
	} {
		run("config --kubeconfig=./contexts.kubeconfig "+set, "")
	}
	s.must(os.Remove(s.file + ".ca")) // which the Pod would not have
	run("-n cert-manager create secret generic wildcast-contexts --from-file=config=./contexts.kubeconfig", home.Kubeconfig())
	run("apply --server-side -k manifests/overlays/contexts", home.Kubeconfig())
	s.run()
	s.source("registry", "prod", "one")
	s.copied("registry", s.at("registry"), "one")
	run("-n vault annotate --overwrite secret registry wildcast.dev/sync-contexts=prod,staging", home.Kubeconfig())
	s.copied("registry", place{Namespace: staging, Name: "registry"}, "one")
	s.copied("registry", s.at("registry"), "one")
	_, err = home.KubectlWith(t.Context(), "", nil, "config", "--kubeconfig="+s.file, "set-context", "again", "--cluster=prod", "--user=prod")
	s.must(err)
	s.source("registry", "prod,again", "one")
	s.event("registry", syncer.ReasonTargetNotOurs, "both ways lead to the same place")
	s.absent(s.over, place{Namespace: staging, Name: "registry"})
	s.copied("registry", s.at("registry"), "one")
}
