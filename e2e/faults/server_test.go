package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/model"
	"github.com/wildcast/wildcast/e2e/wildcast"
	"github.com/wildcast/wildcast/syncer"
)

func TestAnAPIServerThatIsRestartedDuringAFanOutDelaysItOnly(t *testing.T) {
	const many = 60
	slowly := append([]string{"--kube-api-qps=6"}, alone...)
	s := play(t, "restarted", wildcast.Options{Args: slowly})
	s.namespaces(many)
	source := s.source("a")
	s.settle()
	pid := s.w.PID()
	s.change(source, 2)
	s.until(func() error {
		if n := s.updated(); n == 0 {
			return errors.New("no copy has been updated")
		}
		return nil
	})
	if n := s.updated(); n == many-1 {
		t.Error("the restart comes too late: all copies are updated")
	}
	s.must(shared.RestartAPIServer(t.Context()))
	s.settle()
	if s.w.PID() != pid {
		t.Error("wildcast has ended")
	}
}

// updated is how many copies wildcast says that it has updated.
func (s *scene) updated() int {
	s.Helper()
	log, err := s.w.Logs()
	s.must(err)
	return strings.Count(log, "Updated copy")
}

// A watch cache that has just been filled knows nothing older: it answers "too old resource version" (410, Expired) to
// a watch that goes on from before.
func TestWhatHappenedWhileItsWatchesHadExpiredIsMadeUpFor(t *testing.T) {
	s := play(t, "expired", wildcast.Options{})
	s.namespaces(5)
	s.churn(40, restless())
	s.settle()
	awake := s.users.Awake
	s.users.Awake = func(context.Context) error { return model.ErrAsleep }
	s.must(syscall.Kill(s.w.PID(), syscall.SIGSTOP))
	s.must(shared.RestartAPIServer(t.Context())) // or the kernel would keep for wildcast what it has been sent
	s.churn(60, restless())
	s.must(shared.RestartAPIServer(t.Context()))
	s.churn(10, restless())
	before := time.Now()
	s.must(syscall.Kill(s.w.PID(), syscall.SIGCONT))
	s.users.Awake = awake
	s.settle()
	if anew := s.requests(before, listsSecrets); len(anew) == 0 {
		t.Error("wildcast has not listed the objects anew: its watch had not expired")
	}
}

func listsSecrets(r cluster.Request) bool { return r.Resource == "secrets" && r.Lists() }

func TestAnotherWriterOfItsCopiesCostsConflictsAndNoMore(t *testing.T) {
	s := play(t, "rival", wildcast.Options{})
	s.namespaces(5)
	source := s.source("a")
	s.settle()
	begun := time.Now()
	var rival sync.WaitGroup
	stop := make(chan struct{})
	rival.Go(func() { s.rival(source.Name, stop) })
	number := 0
	s.until(func() error {
		number++
		s.change(source, number)
		if len(s.requests(begun, conflicts)) == 0 {
			return errors.New("no write of wildcast has met a conflict")
		}
		return nil
	})
	close(stop)
	rival.Wait()
	s.settle()
}

func conflicts(r cluster.Request) bool { return r.Resource == "secrets" && r.Code == 409 }

// After ten repairs each waits, and twice as long as the one before.
func TestAWriterWhoAnswersEachRepairIsNamedAndRepairedLessAndLessOften(t *testing.T) {
	s := play(t, "contest", wildcast.Options{})
	s.namespaces(5)
	source := s.source("a")
	s.settle()
	begun := time.Now()
	at := s.at(1, source.Name)
	writes := func(r cluster.Request) bool {
		return r.Write() && r.Resource == "secrets" && r.Namespace == at.Namespace && r.Code < 300
	}
	s.until(func() error {
		if err := s.overwrite(at, `{"data":{"tls.crt":"cml2YWw="}}`); err != nil {
			return err
		}
		if n := len(s.requests(begun, writes)); n < 14 {
			return fmt.Errorf("%d repairs", n)
		}
		return errors.Join(s.reported(source, syncer.ReasonContested, `"rival"`, at.Namespace), s.contested(1, 3))
	})
	repairs := s.requests(begun, writes)
	for i, r := range repairs {
		if r.Verb != "update" {
			t.Errorf("it took the request %s", r)
		}
		if i < 10 {
			continue
		}
		apart, wait := r.Received.Sub(repairs[i-1].Received), 100*time.Millisecond<<(i-10)
		if apart < wait {
			t.Errorf("repair %d came %s after the one before, want %s or more", i+1, apart, wait)
		}
	}
	s.change(source, 2)
	s.settle()
}

// contested compares how many copies the metrics count as contested, and how many as synced.
func (s *scene) contested(contested, synced float64) error {
	m, err := s.w.Metrics(s.Context())
	if err != nil {
		return err
	}
	const copies = "wildcast_sync_copies"
	if c, in := m.Sum(copies, "state", "contested"), m.Sum(copies, "state", "synced"); c != contested || in != synced {
		return fmt.Errorf("%v copies are contested and %v synced, want %v and %v", c, in, contested, synced)
	}
	return nil
}

// rival writes copies until stop: another value, another key, and a label of wildcast's gone.
func (s *scene) rival(name string, stop <-chan struct{}) {
	patches := []string{
		`{"data":{"tls.crt":"cml2YWw="}}`, `{"data":{"rival":"MQ=="}}`,
		`{"metadata":{"labels":{"wildcast.dev/origin.name":null}}}`,
	}
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		// A copy that is not there just now is the next one's turn.
		_ = s.overwrite(s.at(1+rand.IntN(4), name), patches[i%len(patches)])
	}
}

// overwrite is a write of the rival's, which changes nothing if it stands.
func (s *scene) overwrite(at model.Place, patch string) error {
	_, err := s.kube.CoreV1().Secrets(at.Namespace).Patch(s.Context(), at.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "rival"})
	return err
}
