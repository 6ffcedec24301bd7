package main

import (
	"context"
	"os"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// leaseLock is the lock on the Lease, which tells when it is lost. client-go tells so too, but later: it tries for 10 s
// more when it has seen that somebody else holds the lease, also after the process was frozen, and it first tries to
// release a lease that it could not renew, which takes another 10 s when the API server does not answer.
//
//	the last renewal is renewWithin ago    lost
//	another holder is seen                 lost
type leaseLock struct {
	resourcelock.Interface
	lost chan struct{} // closed when it is

	mu    sync.Mutex
	ours  bool // written last by us
	timer *time.Timer
	lose  func()
}

func newLeaseLock(kube kubernetes.Interface, namespace string) *leaseLock {
	host, err := os.Hostname()
	if err != nil {
		host = "wildcast"
	}
	l := &leaseLock{lost: make(chan struct{}), Interface: &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: leaseName},
		Client:     kube.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())},
	}}
	l.lose = sync.OnceFunc(func() { close(l.lost) })
	return l
}

// Get implements resourcelock.Interface.
func (l *leaseLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err == nil {
		l.seen(record.HolderIdentity)
	}
	return record, raw, err
}

// Create implements resourcelock.Interface.
func (l *leaseLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	asked := time.Now()
	ctx, cancel := whole(ctx)
	defer cancel()
	err := l.Interface.Create(ctx, record)
	return l.wrote(record, asked, err)
}

// Update implements resourcelock.Interface.
func (l *leaseLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	select {
	case <-l.lost:
		return errLeaseLost // nor is it released: the work may not have ended
	default:
	}
	asked := time.Now()
	ctx, cancel := whole(ctx)
	defer cancel()
	err := l.Interface.Update(ctx, record)
	return l.wrote(record, asked, err)
}

// whole lets a write that has begun come to its end when the process is told to stop. The API server may have carried it
// out: a lease that we do not know to be ours is not released, and others would have to wait until it ends.
func whole(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, limited := ctx.Deadline()
	if !limited {
		deadline = time.Now().Add(renewDeadline)
	}
	return context.WithDeadline(context.WithoutCancel(ctx), deadline)
}

// wrote begins the time anew, which runs from when the API server was asked: it may have answered late.
func (l *leaseLock) wrote(record resourcelock.LeaderElectionRecord, asked time.Time, err error) error {
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.ours = record.HolderIdentity == l.Identity(); l.ours {
		l.timer = time.AfterFunc(time.Until(asked.Add(renewWithin)), l.lose)
	}
	return nil
}

func (l *leaseLock) seen(holder string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ours && holder != l.Identity() {
		l.lose()
	}
}
