package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
)

// leaseName is the Lease in the home namespace that the leader holds.
const leaseName = "wildcast"

// errLeaseLost ends the process: another replica may be at work by now.
var errLeaseLost = errors.New("lost the lease to lead, most likely because the API server could not be reached; another replica takes over")

// The times of the lease. A leader that could not renew it for renewWithin stops its work, so that the work has ended
// when another replica may take the lease.
const (
	leaseDuration = 15 * time.Second
	retryPeriod   = 2 * time.Second
	renewDeadline = 10 * time.Second
	renewWithin   = renewDeadline + retryPeriod
)

// lead runs work while this process holds the lease, and returns when work has returned and the lease is free again.
// The lease outlives the work: a stop signal cancels the work first. When the lease is lost, lead returns errLeaseLost
// without waiting for the work.
func lead(ctx context.Context, kube kubernetes.Interface, namespace string, log *zap.Logger, work func(context.Context) error) error {
	elector, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	lock := newLeaseLock(kube, namespace)
	held := make(chan struct{})
	le, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Name:            leaseName,
		Lock:            lock,
		LeaseDuration:   leaseDuration,
		RenewDeadline:   renewDeadline,
		RetryPeriod:     retryPeriod,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(held) },
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
	case <-held:
		log.Info("Leading")
		err := workWhileHeld(ctx, lock.lost, work)
		if !errors.Is(err, errLeaseLost) {
			release()
			<-electing
		}
		return err
	}
}

// workWhileHeld works until ctx ends, and gives up when the lease is lost.
func workWhileHeld(ctx context.Context, lost <-chan struct{}, work func(context.Context) error) error {
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- work(working) }()
	select {
	case err := <-done:
		return err
	case <-lost:
		return errLeaseLost
	}
}
