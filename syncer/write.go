package syncer

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// writer creates, updates and deletes copies of one kind. Of what it creates or updates it asks the API server for the metadata
// alone, since the rest is known: the answer to a write would else be the copy once more, which both ends would encode, encrypt and read.
// See https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches.
type writer struct {
	client    rest.Interface // creates and updates
	deletions rest.Interface
	resource  string
	object    func(content) runtime.Object
}

func (w writer) create(ctx context.Context, c content) (metav1.ObjectMeta, error) {
	return w.write(ctx, w.client.Post(), &metav1.CreateOptions{FieldManager: manager}, c)
}

func (w writer) update(ctx context.Context, c content) (metav1.ObjectMeta, error) {
	return w.write(ctx, w.client.Put().Name(c.meta.Name), &metav1.UpdateOptions{FieldManager: manager}, c)
}

func (w writer) write(ctx context.Context, r *rest.Request, options runtime.Object, c content) (metav1.ObjectMeta, error) {
	r = r.Namespace(c.meta.Namespace).Resource(w.resource).VersionedParams(options, scheme.ParameterCodec)
	answer := r.SetHeader("Accept", metadataOnly).Body(w.object(c)).Do(ctx)
	if err := answer.Error(); err != nil {
		return metav1.ObjectMeta{}, err
	}
	text, err := answer.Raw()
	if err != nil {
		return metav1.ObjectMeta{}, err
	}
	var partial metav1.PartialObjectMetadata
	if _, _, err := answers.Decode(text, nil, &partial); err != nil {
		return metav1.ObjectMeta{}, fmt.Errorf("read answer to write: %w", err)
	}
	return partial.ObjectMeta, nil
}

// remove deletes an object in exactly the state that is given. The preconditions are in the query, as
// https://github.com/kubernetes/kubernetes/pull/85077 has it: a body would be a second frame, which both ends would encode,
// encrypt and read. API servers know them there since Kubernetes 1.18.
func (w writer) remove(ctx context.Context, state *metav1.ObjectMeta) error {
	r := w.deletions.Delete().Namespace(state.Namespace).Resource(w.resource).Name(state.Name)
	return r.Param("uid", string(state.UID)).Param("resourceVersion", state.ResourceVersion).Do(ctx).Error()
}

const metadataOnly = runtime.ContentTypeProtobuf + ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1," +
	runtime.ContentTypeJSON + ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

// answers decodes metadata.
var answers = func() runtime.Decoder {
	meta := runtime.NewScheme()
	utilruntime.Must(metav1.AddMetaToScheme(meta))
	return serializer.NewCodecFactory(meta).UniversalDeserializer()
}()
