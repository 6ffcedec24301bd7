package manifests_test

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/wildcast/wildcast/e2e/cluster"
)

// wildcastImages are the images of the containers called wildcast in the Deployments that a kustomization makes.
func wildcastImages(t *testing.T, folder string) (images []string) {
	t.Helper()
	rendered, err := shared.Kubectl(t.Context(), "kustomize", folder)
	if err != nil {
		t.Fatal(err)
	}
	for documents := yaml.NewYAMLOrJSONDecoder(strings.NewReader(rendered), 4096); ; {
		var o unstructured.Unstructured
		err := documents.Decode(&o)
		switch {
		case errors.Is(err, io.EOF):
			return images
		case err != nil:
			t.Fatalf("%s: %v", folder, err)
		case o.GetKind() == "Deployment":
			images = append(images, wildcastImagesOf(t, o)...)
		}
	}
}

func wildcastImagesOf(t *testing.T, o unstructured.Unstructured) (images []string) {
	t.Helper()
	var d appsv1.Deployment
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &d); err != nil {
		t.Fatal(err)
	}
	for _, c := range slices.Concat(d.Spec.Template.Spec.InitContainers, d.Spec.Template.Spec.Containers) {
		if c.Name == "wildcast" {
			images = append(images, c.Image)
		}
	}
	return images
}

// kustomizations are the folders of the manifests that have one.
func kustomizations(t *testing.T) (folders []string) {
	t.Helper()
	checkout, err := cluster.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(checkout, "manifests"), func(path string, d fs.DirEntry, err error) error {
		if d.Name() == "kustomization.yaml" {
			folders = append(folders, filepath.Dir(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return folders
}

// An image without a tag is "latest", which nobody is told to build.
func TestEveryKustomizationHasTheImageOfBaseWithItsTag(t *testing.T) {
	folders := kustomizations(t)
	i := slices.IndexFunc(folders, func(folder string) bool { return filepath.Base(folder) == "base" })
	if i < 0 {
		t.Fatalf("there is no base: %q", folders)
	}
	want := wildcastImages(t, folders[i])
	if len(want) != 1 || !strings.Contains(filepath.Base(want[0]), ":") {
		t.Fatalf("base has the images %q", want)
	}
	with := 0
	for _, folder := range folders {
		for _, image := range wildcastImages(t, folder) {
			with++
			if image != want[0] {
				t.Errorf("%s has the image %s, and base %s", folder, image, want[0])
			}
		}
	}
	if with < 7 { // base, four overlays, two sidecars
		t.Errorf("just %d Deployments have wildcast's image", with)
	}
}
