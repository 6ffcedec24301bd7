package sidecar

import (
	"errors"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"
)

var errUnreachable = errors.New("connection refused")

func unreachable(clienttesting.Action) (bool, runtime.Object, error) {
	return true, nil, errUnreachable
}

func unwatchable(clienttesting.Action) (bool, watch.Interface, error) {
	return true, nil, errUnreachable
}
