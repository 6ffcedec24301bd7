package roles_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/cluster"
)

// reported waits until the log says that a namespace cannot be read, and how to change that.
func (s *scene) reported(namespace string) {
	s.Helper()
	s.until("it is reported that "+namespace+" cannot be read", func() error {
		log, err := s.w.Logs()
		if err != nil {
			return err
		}
		for line := range strings.Lines(log) {
			if strings.Contains(line, "Could not read namespace") && strings.Contains(line, fmt.Sprintf("%q", namespace)) &&
				strings.Contains(line, "or drop it from --namespaces") {
				return nil
			}
		}
		return errors.New("the log does not say so")
	})
}

func TestWhatCannotBeReadIsLeftAloneAndTheOthersGoOn(t *testing.T) {
	for _, row := range []struct {
		name string
		// lose takes the Role away and makes wildcast notice it; absence is what users do before that.
		lose func(s *scene, absence func())
	}{
		{"while wildcast is down", func(s *scene, absence func()) {
			s.w.Stop()
			s.revoke("team-b")
			absence()
			s.must(s.w.Restart(s.Context()))
		}},
		{"while it runs, when its watches break", func(s *scene, absence func()) {
			s.revoke("team-b")
			s.must(shared.RestartAPIServer(s.Context()))
			s.reported("team-b")
			absence()
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := open(t, "team-a,team-b")
			t.Cleanup(func() { s.grant("team-b") })
			home := cluster.HomeNamespace
			s.source(home, "shared", "1")
			s.source("team-b", "theirs", "1")
			s.source("team-b", "doomed", "1")
			s.copied("shared", "1", teams...)
			s.copied("theirs", "1", "team-a")
			s.copied("doomed", "1", "team-a")

			row.lose(s, func() {
				s.remove("team-b", "doomed")
				s.edit("team-b", "theirs", "2")
				s.edit("team-b", "shared", "edited")
			})
			s.reported("team-b")
			s.source(home, "new", "1")
			s.copied("new", "1", "team-a")
			s.edit(home, "shared", "2")
			s.copied("shared", "2", "team-a")
			s.edit("team-a", "theirs", "edited")
			s.barrier("team-a")
			s.must(s.holds("team-b", "shared", "edited"))
			s.must(s.holds("team-a", "doomed", "1"))
			s.must(s.absent("team-b", "new"))

			s.grant("team-b")
			s.copied("new", "1", "team-b")
			s.copied("shared", "2", "team-b")
			s.copied("theirs", "2", "team-a")
			s.gone("team-a", "doomed")
			s.nothingOutside(teams...)
		})
	}
}

func TestAListedNamespaceThatIsDeletedAndMadeAgainHasItsCopiesAgain(t *testing.T) {
	s := open(t, "team-a,team-b")
	s.source(cluster.HomeNamespace, "shared", "1")
	s.source("team-b", "theirs", "1")
	s.copied("shared", "1", teams...)
	s.copied("theirs", "1", "team-a")
	s.kubectl("delete", "namespace", "team-b")
	s.gone("team-a", "theirs")
	s.edit(cluster.HomeNamespace, "shared", "2")
	s.copied("shared", "2", "team-a")
	s.kubectl("create", "namespace", "team-b")
	s.kubectl("label", "namespace", "team-b", "team=web")
	s.grant("team-b")
	s.copied("shared", "2", "team-b")
	s.source("team-b", "theirs", "2")
	s.copied("theirs", "2", "team-a")
	s.edit("team-b", "shared", "edited")
	s.copied("shared", "2", "team-b")
	s.nothingOutside(teams...)
}

func TestAListedNamespaceThatIsNotThereYetIsTakenInOnceItIs(t *testing.T) {
	s := open(t, "team-a,team-c")
	s.reported("team-c")
	s.source(cluster.HomeNamespace, "early", "1")
	s.copied("early", "1", "team-a")
	s.must(s.absent("team-b", "early"))
	s.kubectl("create", "namespace", "team-c")
	s.kubectl("label", "namespace", "team-c", "team=web")
	s.grant("team-c")
	s.copied("early", "1", "team-c")
	s.must(s.absent("team-b", "early"))
	s.kubectl("delete", "namespace", "team-c")
}

func TestWithoutItsHomeNamespaceWildcastIsNotReady(t *testing.T) {
	s := open(t, "team-a")
	s.w.Stop()
	s.revoke(cluster.HomeNamespace)
	t.Cleanup(func() { s.grant(cluster.HomeNamespace) })
	started := make(chan error, 1)
	go func() { started <- s.w.Restart(t.Context()) }()
	s.until("it is reported", func() error {
		log, err := s.w.Logs()
		if err == nil && !strings.Contains(log, "without its home namespace it does nothing") {
			err = errors.New("the log does not say so")
		}
		return err
	})
	if s.w.Ready(t.Context()) == nil {
		t.Error("it is ready")
	}
	s.grant(cluster.HomeNamespace)
	s.must(<-started)
}

// An Ingress's wish is part of what is in a namespace: before it can be read, the copy that it asks for stays.
func TestACopyThatAnIngressAsksForOutlivesAStartAtWhichItsNamespaceCannotBeRead(t *testing.T) {
	s := open(t, "team-a,team-b")
	st := s.stage("late")
	s.ingress(st, "team-b", "late")
	s.served("team-b", "late-tls", "*.late.test")
	before, err := s.get("team-b", "late-tls")
	s.must(err)

	s.w.Stop()
	s.revoke("team-b")
	t.Cleanup(func() { s.grant("team-b") })
	s.must(s.w.Restart(t.Context()))
	s.reported("team-b")
	s.barrier("team-a")
	s.grant("team-b")
	s.barrier(teams...)
	after, err := s.get("team-b", "late-tls")
	s.must(err)
	if after.UID != before.UID || after.ResourceVersion != before.ResourceVersion {
		t.Error("the copy was written meanwhile")
	}
	if orders := st.CA.Orders(); len(orders) != 1 {
		t.Errorf("%d orders", len(orders))
	}
	_, err = s.kube.CoreV1().Secrets("team-b").Get(t.Context(), "wildcard.late.test", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		t.Error("the certificate's other copy has gone")
	}
}
