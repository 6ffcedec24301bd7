package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/syncer"
)

// renewOptions are the flags of "wildcast renew".
type renewOptions struct {
	visit
	wait    bool
	timeout time.Duration
}

func renewCommand() *cobra.Command {
	var o renewOptions
	cmd := &cobra.Command{
		Use:   "renew NAME",
		Short: "Have a certificate renewed now",
		Long: "Ask wildcast for a new certificate in a Secret that it manages, by the annotation " + controllers.AnnotationRenew + ". The old one serves\n" +
			"until the new one is there. NAME is NAMESPACE/NAME, or a name in the namespace of -n, else in the home namespace.\n\n" +
			"It takes the rights to get and patch that Secret.",
		Args: exactly(1, "name one certificate"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.renew(cmd.Context(), args[0], cmd.OutOrStdout())
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().BoolVar(&o.wait, "wait", false, "wait until the new certificate is there")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 5*time.Minute, "with --wait, how long")
	return cmd
}

func (o *renewOptions) renew(ctx context.Context, text string, out io.Writer) error {
	if _, err := o.named(text, o.run.namespace); err != nil {
		return err
	}
	if err := o.open(ctx); err != nil {
		return err
	}
	name, err := o.named(text, o.run.namespace) // of which more is known now
	if err != nil {
		return err
	}
	before, err := o.read(ctx, name)
	if err != nil {
		return err
	}
	if from := before.Annotations[syncer.AnnotationOrigin]; from != "" && before.Labels[controllers.LabelManaged] != "true" {
		return fmt.Errorf("secret %s is a copy of %s/%s: renew that one", name, before.Labels[syncer.LabelOriginNamespace], before.Labels[syncer.LabelOriginName])
	}
	if before.Labels[controllers.LabelManaged] != "true" {
		return fmt.Errorf("secret %s is no certificate that wildcast renews: it lacks the label %s", name, controllers.LabelManaged)
	}
	asked := time.Now().UTC().Format(time.RFC3339Nano)
	if err := o.ask(ctx, name, asked); err != nil {
		return err
	}
	if !o.wait {
		_, err = fmt.Fprintf(out, "secret/%s is to be renewed\n", name.Name)
		return err
	}
	now, err := o.await(ctx, name, asked)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "secret/%s renewed: serial %s, valid until %s\n", name.Name, now[controllers.AnnotationSerial], now[controllers.AnnotationNotAfter])
	return err
}

// read reads the metadata of a Secret.
func (o *renewOptions) read(ctx context.Context, name types.NamespacedName) (*metav1.PartialObjectMetadata, error) {
	secrets := o.metadata.Resource(corev1.SchemeGroupVersion.WithResource("secrets")).Namespace(name.Namespace)
	found, err := secrets.Get(ctx, name.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("there is no secret %s; %s status lists the certificates", name, calledAs())
	case err != nil:
		return nil, fmt.Errorf("read secret %s: %w", name, lacking(err))
	}
	return found, nil
}

// ask sets the annotation.
func (o *renewOptions) ask(ctx context.Context, name types.NamespacedName, asked string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{controllers.AnnotationRenew: asked}}})
	if err != nil {
		return err
	}
	secrets := o.metadata.Resource(corev1.SchemeGroupVersion.WithResource("secrets")).Namespace(name.Namespace)
	if _, err := secrets.Patch(ctx, name.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("annotate secret %s: %w", name, lacking(err))
	}
	return nil
}

// lacking says which rights a refusal is about.
func lacking(err error) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	return fmt.Errorf("%w; it takes the rights to get and patch this Secret", err)
}

// await waits until the certificate is the one that was asked for, and returns its annotations.
func (o *renewOptions) await(ctx context.Context, name types.NamespacedName, asked string) (annotations map[string]string, err error) {
	err = wait.PollUntilContextTimeout(ctx, 500*time.Millisecond, o.timeout, true, func(ctx context.Context) (bool, error) {
		now, err := o.read(ctx, name)
		if err != nil {
			return false, err
		}
		annotations = now.Annotations
		return annotations[controllers.AnnotationRenewed] == asked, nil
	})
	if wait.Interrupted(err) {
		return nil, fmt.Errorf("secret %s was not renewed within %s; it is still asked for. See: %s explain secret %s", name, o.timeout, calledAs(), name)
	}
	return annotations, err
}
