package syncer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/watch"
)

func TestAWatchThatIsNotAnsweredInTimeIsAnError(t *testing.T) {
	for name, watching := range map[string]func(context.Context) (watch.Interface, error){
		"silent": func(ctx context.Context) (watch.Interface, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
		"silent, in client-go's words": func(context.Context) (watch.Interface, error) { return watch.NewEmptyWatch(), nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if _, err := beginInTime(t.Context(), watching); !errors.Is(err, errUnanswered) {
					t.Error(err)
				}
			})
		})
	}
}

func TestAWatchThatIsAnsweredLastsUntilItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var its context.Context
		w, err := beginInTime(t.Context(), func(ctx context.Context) (watch.Interface, error) {
			its = ctx
			return watch.NewFake(), nil
		})
		time.Sleep(time.Hour)
		if err != nil || its.Err() != nil {
			t.Fatal(err, its.Err())
		}
		w.Stop()
		if its.Err() == nil {
			t.Error("its context goes on")
		}
	})
}
