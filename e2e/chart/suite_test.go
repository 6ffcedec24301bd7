package chart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/definitions"
	"github.com/wildcast/wildcast/e2e/stage"
)

var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, cluster.Options{}, func(ctx context.Context, c *cluster.Cluster) error {
		shared = c
		for _, build := range []builder{Build, Build3} {
			if _, err := build(ctx, os.Stderr); err != nil {
				return err
			}
		}
		return errors.Join(definitions.ServiceMonitor.Install(ctx, c), definitions.PrometheusRule.Install(ctx, c))
	}))
}

// chart is the folder in the checkout, which is the chart.
const chart = "./manifests"

// objects are what was rendered, by kind, namespace and name.
type objects map[string]*unstructured.Unstructured

func key(o *unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName())
}

// parse reads a stream of documents, in which no object may come twice.
func parse(t *testing.T, stream string) objects {
	t.Helper()
	found := objects{}
	for documents := yaml.NewYAMLOrJSONDecoder(strings.NewReader(stream), 4096); ; {
		o := &unstructured.Unstructured{}
		err := documents.Decode(o)
		switch {
		case errors.Is(err, io.EOF):
			return found
		case err != nil:
			t.Fatalf("%v in\n%s", err, stream)
		case len(o.Object) == 0: // a file of comments
		case found[key(o)] != nil:
			t.Errorf("%s is there twice", key(o))
		default:
			found[key(o)] = o
		}
	}
}

// rendered is what helm template makes of the chart in a namespace.
func rendered(t *testing.T, namespace string, args ...string) objects {
	t.Helper()
	return parse(t, run(t, append([]string{"template", "wildcast", chart, "--namespace", namespace}, args...)...))
}

// run runs Helm 4, which must succeed.
func run(t *testing.T, args ...string) string {
	t.Helper()
	return with(t, Build, args...)
}

// with runs a helm, which must succeed.
func with(t *testing.T, which builder, args ...string) string {
	t.Helper()
	out, err := helm(context.WithoutCancel(t.Context()), shared, which, args...) // also when the test has ended
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := shared.Kubectl(context.WithoutCancel(t.Context()), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// into reads an object as its own type, without a field that this does not have.
func into[T any](t *testing.T, o *unstructured.Unstructured) *T {
	t.Helper()
	if o == nil {
		t.Fatalf("there is no %T", *new(T))
	}
	typed := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, typed, true); err != nil {
		t.Fatal(err)
	}
	return typed
}

// patience is far longer than anything here takes.
const patience = 3 * time.Minute

func until(t *testing.T, what string, condition func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := stage.Until(ctx, condition); err != nil {
		t.Fatalf("waited in vain until %s: %v", what, err)
	}
}
