package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/convert"
	"github.com/wildcast/wildcast/cmd/wildcast/internal/lint"
)

// incompleteError is that something of the input was not carried over. The remarks have said it.
type incompleteError struct{ error }

// convertOptions are the flags of "wildcast convert".
type convertOptions struct {
	files     []string
	recursive bool
	output    string
	how       convert.Options
}

func convertCommand() *cobra.Command {
	var o convertOptions
	cmd := &cobra.Command{
		Use:   "convert -f FILE",
		Short: "Turn objects of cert-manager and kubed into wildcast's",
		Long: "Read ClusterIssuers, Issuers, Certificates, annotated Ingresses and Gateways, and the sources of kubed, in all versions of\n" +
			"their APIs, and print issuers, solvers, standing certificates, Ingresses, Gateways and sources as wildcast reads them.\n" +
			"No cluster is asked.\n" +
			"Give all files at once, Secrets too: what one object refers to is taken from the others.\n\n" +
			"Remarks go to standard error, with file, object and field. What is not carried over is named there, whatever it is.\n" +
			"A line that begins with kubectl is a command that is to be run.\n\n" +
			"The exit code is 3 if something was not carried over.",
		Example: "  wildcast convert -f manifests/ > wildcast.yaml\n" +
			"  kubectl get clusterissuers,issuers,certificates,ingresses,secrets -A -o yaml | wildcast convert -f - > wildcast.yaml",
		Args: filesAlone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return usageError{err}
			}
			return o.convert(cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.files, "filename", "f", nil, "`file` or folder with YAML or JSON, or - for standard input; may be repeated")
	f.BoolVarP(&o.recursive, "recursive", "R", false, "read the folders in a folder too")
	f.StringVarP(&o.output, "output", "o", "yaml", "yaml or json")
	f.StringVarP(&o.how.Namespace, "namespace", "n", "default", "`namespace` of objects that name none")
	f.StringVar(&o.how.Home, "home-namespace", defaultNamespace(), "`namespace` that wildcast runs in, and where cert-manager keeps what ClusterIssuers refer to")
	f.BoolVar(&o.how.All, "all", false, "also print, as they are, objects that need no conversion")
	f.BoolVar(&o.how.KeepKubed, "keep-kubed", false, "leave kubed's annotations on sources: wildcast reads them, and copies go on carrying kubed's labels")
	return cmd
}

func (o *convertOptions) validate() error {
	switch {
	case len(o.files) == 0:
		return errors.New("--filename is missing: name files or folders, such as -f manifests/, or -f - for standard input")
	case o.output != "yaml" && o.output != "json":
		return fmt.Errorf("--output is %q: give yaml or json", o.output)
	case o.how.Home == "":
		return errors.New("--home-namespace is empty: name the namespace that wildcast runs in, such as cert-manager")
	}
	return nil
}

func (o *convertOptions) convert(stdin io.Reader, stdout, stderr io.Writer) error {
	var objects []convert.Object
	for _, path := range o.files {
		err := lint.Walk(path, o.recursive, stdin, func(file string, from io.Reader) error {
			read, err := convert.Read(file, from)
			objects = append(objects, read...)
			return err
		})
		if err != nil {
			return err
		}
	}
	result := convert.Convert(objects, o.how)
	if err := convert.Write(stdout, o.output, result.Objects); err != nil {
		return err
	}
	lost := 0
	for _, r := range result.Remarks {
		fmt.Fprintln(stderr, r)
		if r.Command != "" {
			fmt.Fprintln(stderr, r.Command)
		}
		if r.Lost {
			lost++
		}
	}
	if lost > 0 {
		return incompleteError{fmt.Errorf("not everything was carried over: see %d remarks above", lost)}
	}
	return nil
}
