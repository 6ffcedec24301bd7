package sidecar

import (
	"errors"
	"os"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"
)

// The second of client-go's handlers of errors remembers when it was called last, which was not in this test's bubble: it
// would sleep for as long as the two clocks differ.
func TestMain(m *testing.M) {
	utilruntime.ErrorHandlers = utilruntime.ErrorHandlers[:1]
	os.Exit(m.Run())
}

var errUnreachable = errors.New("connection refused")

func unreachable(clienttesting.Action) (bool, runtime.Object, error) {
	return true, nil, errUnreachable
}

func unwatchable(clienttesting.Action) (bool, watch.Interface, error) {
	return true, nil, errUnreachable
}
