package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// leaseName is the Lease in the home namespace that the leader holds.
const leaseName = "wildcast"

// errLeaseLost ends the process: another replica may be at work by now.
var errLeaseLost = errors.New("lost the lease to lead, most likely because the API server could not be reached; another replica takes over")

// lead runs work while this process holds the lease, and returns when work has returned and the lease is free again.
// The lease outlives the work: a stop signal cancels the work first. When the lease is lost, lead returns errLeaseLost
// without waiting for the work.
func lead(ctx context.Context, kube kubernetes.Interface, namespace string, log *zap.Logger, work func(context.Context) error) error {
	elector, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	held := make(chan context.Context, 1) // ends when the lease is lost
	le, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Name:            leaseName,
		Lock:            leaseLock(kube, namespace),
		LeaseDuration:   15 * time.Second,
		RenewDeadline:   10 * time.Second,
		RetryPeriod:     2 * time.Second,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) { held <- ctx },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("set up leader election: %w", err)
	}
	electing := make(chan struct{})
	go func() {
		defer close(electing)
		le.Run(elector)
	}()
	select {
	case <-ctx.Done():
		release()
		<-electing
		return nil
	case lease := <-held:
		log.Info("Leading")
		err := workWhileHeld(ctx, lease, electing, work)
		release()
		<-electing
		return err
	}
}

// workWhileHeld works until ctx ends, and gives up when the lease is lost.
func workWhileHeld(ctx, lease context.Context, lost <-chan struct{}, work func(context.Context) error) error {
	working, cancel := context.WithCancel(lease)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	done := make(chan error, 1)
	go func() { done <- work(working) }()
	select {
	case err := <-done:
		if err == nil && ctx.Err() == nil {
			return errLeaseLost
		}
		return err
	case <-lost:
		return errLeaseLost
	}
}

func leaseLock(kube kubernetes.Interface, namespace string) resourcelock.Interface {
	host, err := os.Hostname()
	if err != nil {
		host = "wildcast"
	}
	return &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: leaseName},
		Client:     kube.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())},
	}
}
