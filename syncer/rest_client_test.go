package syncer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	restfake "k8s.io/client-go/rest/fake"
)

// overREST is a fake clientset whose core REST client, which those of client-go lack, creates and updates Secrets and
// ConfigMaps in it, and answers with metadata if asked to.
type overREST struct{ *fake.Clientset }

func (c overREST) CoreV1() corev1client.CoreV1Interface { return coreOverREST{c.Clientset.CoreV1(), c} }

type coreOverREST struct {
	corev1client.CoreV1Interface
	kube overREST
}

func (c coreOverREST) RESTClient() rest.Interface {
	client, err := rest.RESTClientForConfigAndClient(&rest.Config{
		Host: "http://fake", APIPath: "/api", QPS: -1,
		ContentConfig: rest.ContentConfig{GroupVersion: &corev1.SchemeGroupVersion, NegotiatedSerializer: scheme.Codecs.WithoutConversion()},
	}, restfake.CreateHTTPClient(c.kube.answer))
	if err != nil {
		panic(err)
	}
	return client
}

var _ kubernetes.Interface = overREST{}

// answer is the API server's answer to a write.
func (c overREST) answer(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.Header.Get("Accept"), metadataOnly) {
		return nil, errors.New("the whole object was asked for")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err != nil {
		return nil, err
	}
	written, err := c.write(r, object)
	if status, refused := errors.AsType[*apierrors.StatusError](err); refused {
		s := status.Status()
		s.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
		return inJSON(int(s.Code), s)
	}
	if err != nil {
		return nil, err
	}
	accessor, err := apimeta.Accessor(written)
	if err != nil {
		return nil, err
	}
	partial := apimeta.AsPartialObjectMetadata(accessor)
	partial.TypeMeta = metav1.TypeMeta{APIVersion: metav1.SchemeGroupVersion.String(), Kind: "PartialObjectMetadata"}
	return inJSON(http.StatusOK, partial)
}

func (c overREST) write(r *http.Request, object runtime.Object) (runtime.Object, error) {
	ctx, of := r.Context(), r.URL.Query().Get("fieldManager")
	namespace := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/v1/namespaces/"), "/")[0]
	creates := r.Method == http.MethodPost
	switch o := object.(type) {
	case *corev1.Secret:
		secrets := c.Clientset.CoreV1().Secrets(namespace)
		if creates {
			return secrets.Create(ctx, o, metav1.CreateOptions{FieldManager: of})
		}
		return secrets.Update(ctx, o, metav1.UpdateOptions{FieldManager: of})
	case *corev1.ConfigMap:
		maps := c.Clientset.CoreV1().ConfigMaps(namespace)
		if creates {
			return maps.Create(ctx, o, metav1.CreateOptions{FieldManager: of})
		}
		return maps.Update(ctx, o, metav1.UpdateOptions{FieldManager: of})
	}
	return nil, errors.New("neither a Secret nor a ConfigMap was sent")
}

func inJSON(code int, answer any) (*http.Response, error) {
	text, err := json.Marshal(answer)
	return &http.Response{
		StatusCode: code, Header: http.Header{"Content-Type": {runtime.ContentTypeJSON}}, Body: io.NopCloser(bytes.NewReader(text)),
	}, err
}
