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

// overREST is a fake clientset whose core REST client, which those of client-go lack, creates, updates and deletes
// Secrets and ConfigMaps in it, and answers writes with metadata if asked to.
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
	if r.Method == http.MethodDelete {
		if err := c.remove(r); err != nil {
			return refusal(err)
		}
		return inJSON(http.StatusOK, metav1.Status{Status: metav1.StatusSuccess})
	}
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
	if err != nil {
		return refusal(err)
	}
	accessor, err := apimeta.Accessor(written)
	if err != nil {
		return nil, err
	}
	partial := apimeta.AsPartialObjectMetadata(accessor)
	partial.TypeMeta = metav1.TypeMeta{APIVersion: metav1.SchemeGroupVersion.String(), Kind: "PartialObjectMetadata"}
	return inJSON(http.StatusOK, partial)
}

// refusal is the answer to a request that failed, if there is one.
func refusal(err error) (*http.Response, error) {
	status, answered := errors.AsType[*apierrors.StatusError](err)
	if !answered {
		return nil, err
	}
	s := status.Status()
	s.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	return inJSON(int(s.Code), s)
}

// remove reads the options as the API server does where there is no body.
func (c overREST) remove(r *http.Request) error {
	if r.Body != nil {
		return errors.New("there is a body")
	}
	query := r.URL.Query()
	var options metav1.DeleteOptions
	if err := metav1.Convert_url_Values_To_v1_DeleteOptions(&query, &options, nil); err != nil {
		return err
	}
	if p := options.Preconditions; p == nil || p.UID == nil || p.ResourceVersion == nil {
		return errors.New("the deletion is held to no state")
	}
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/v1/namespaces/"), "/")
	if path[1] == "secrets" {
		return c.Clientset.CoreV1().Secrets(path[0]).Delete(r.Context(), path[2], options)
	}
	return c.Clientset.CoreV1().ConfigMaps(path[0]).Delete(r.Context(), path[2], options)
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
