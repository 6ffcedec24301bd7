package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"
)

// holder returns who holds the lease, empty if it is free.
func holder(t *testing.T, kube *fake.Clientset) string {
	t.Helper()
	lease, err := kube.CoordinationV1().Leases("ns").Get(context.Background(), leaseName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

func TestTheLeaseOutlivesTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kube := fake.NewClientset()
		ctx, stop := context.WithCancel(t.Context())
		worked := false
		err := lead(ctx, kube, "ns", zap.NewNop(), func(ctx context.Context) error {
			time.Sleep(time.Minute)
			stop()
			<-ctx.Done()
			time.Sleep(5 * time.Second) // work in flight
			worked = holder(t, kube) != ""
			return nil
		})
		if err != nil || !worked {
			t.Errorf("lead returned %v, held at the end of the work: %t", err, worked)
		}
		if holder(t, kube) != "" {
			t.Error("the lease is not free afterwards")
		}
	})
}

func TestAStopBeforeLeadingEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other, now := "other", metav1.NowMicro()
		seconds := int32(3600)
		kube := fake.NewClientset(&coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: leaseName},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &other, LeaseDurationSeconds: &seconds, RenewTime: &now, AcquireTime: &now},
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := lead(ctx, kube, "ns", zap.NewNop(), func(context.Context) error {
			t.Error("it worked without the lease")
			return nil
		})
		if err != nil || time.Since(began) > 65*time.Second || holder(t, kube) != other {
			t.Errorf("lead returned %v after %s; %s holds the lease", err, time.Since(began), holder(t, kube))
		}
	})
}

func TestALostLeaseEndsTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kube := fake.NewClientset()
		var lost atomic.Bool
		kube.PrependReactor("update", "leases", func(k8stesting.Action) (bool, runtime.Object, error) {
			return lost.Load(), nil, errors.New("no route")
		})
		err := lead(t.Context(), kube, "ns", zap.NewNop(), func(ctx context.Context) error {
			lost.Store(true)
			<-ctx.Done()
			return nil
		})
		if !errors.Is(err, errLeaseLost) {
			t.Errorf("got %v", err)
		}
	})
}

func TestALeaderThatGetsNoAnswerStopsBeforeItsLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kube := fake.NewClientset()
		var silent atomic.Bool
		var renewed time.Time
		hang := func(action k8stesting.Action) (bool, runtime.Object, error) {
			if silent.Load() {
				time.Sleep(time.Minute)
				return true, nil, errors.New("no answer")
			}
			renewed = time.Now()
			return false, nil, nil
		}
		kube.PrependReactor("*", "leases", hang)
		err := lead(t.Context(), kube, "ns", zap.NewNop(), func(ctx context.Context) error {
			time.Sleep(time.Minute)
			silent.Store(true)
			<-ctx.Done()
			return nil
		})
		if since := time.Since(renewed); !errors.Is(err, errLeaseLost) || since >= leaseDuration {
			t.Errorf("lead returned %v, %s after the last renewal", err, since)
		}
		time.Sleep(time.Hour) // the elector ends when it has got its last answer
	})
}

func TestALeaderThatSeesAnotherHolderStopsAtOnceAndLeavesTheLeaseAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kube := fake.NewClientset()
		var conflict atomic.Bool // of which the fake knows nothing
		kube.PrependReactor("update", "leases", func(k8stesting.Action) (bool, runtime.Object, error) {
			return conflict.Load(), nil, errors.New("conflict")
		})
		var edited time.Time
		err := lead(t.Context(), kube, "ns", zap.NewNop(), func(ctx context.Context) error {
			lease, err := kube.CoordinationV1().Leases("ns").Get(ctx, leaseName, metav1.GetOptions{})
			if err != nil {
				return err
			}
			lease.Spec.HolderIdentity = ptr.To("other")
			conflict.Store(true)
			if err := kube.Tracker().Update(coordinationv1.SchemeGroupVersion.WithResource("leases"), lease, "ns"); err != nil {
				return err
			}
			edited = time.Now()
			<-ctx.Done()
			return nil
		})
		if since := time.Since(edited); !errors.Is(err, errLeaseLost) || since > 2*retryPeriod {
			t.Errorf("lead returned %v after %s", err, since)
		}
		time.Sleep(time.Minute)
		if got := holder(t, kube); got != "other" {
			t.Errorf("%q holds the lease", got)
		}
	})
}

func TestWorkThatFailsGivesTheLeaseBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kube := fake.NewClientset()
		broken := errors.New("broken")
		err := lead(t.Context(), kube, "ns", zap.NewNop(), func(context.Context) error { return broken })
		if !errors.Is(err, broken) || holder(t, kube) != "" {
			t.Errorf("lead returned %v; %q holds the lease", err, holder(t, kube))
		}
	})
}

// lateLock writes at once, and hears of it later.
type lateLock struct{ resourcelock.Interface }

func (l lateLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if err := l.Interface.Create(context.WithoutCancel(ctx), record); err != nil {
		return err
	}
	select {
	case <-time.After(time.Second):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestAStopWhileTheLeaseIsBeingTakenDoesNotForgetThatItIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kube := fake.NewClientset()
		lock := newLeaseLock(kube, "ns")
		lock.Interface = lateLock{lock.Interface}
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, stop)
		err := lock.Create(ctx, resourcelock.LeaderElectionRecord{HolderIdentity: lock.Identity()})
		if err != nil || !lock.ours {
			t.Errorf("got %v, held: %t", err, lock.ours)
		}
	})
}
