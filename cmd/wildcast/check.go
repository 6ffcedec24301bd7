package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/lint"
	"github.com/wildcast/wildcast/controllers"
)

// checkOptions are the flags of "wildcast check".
type checkOptions struct {
	files     []string
	recursive bool
	output    string
	namespace string
	judge     controllers.Config
}

func checkCommand() *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check -f FILE",
		Short: "Find faults in files of issuers, solvers, Ingresses, Gateways, certificates and sources",
		Long: "Read files as kubectl does and say what wildcast would not understand, or not do, with file and line. No cluster is\n" +
			"asked. What is not in the files is taken to be as it should be: an issuer that an Ingress names, the labels of its\n" +
			"namespace. Where they are in the files, they count.\n\n" +
			"The exit code is 1 if there is a fault.",
		Example: "  wildcast check -f manifests/\n  kustomize build overlays/prod | wildcast check -f -",
		Args:    filesAlone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return usageError{err}
			}
			return o.check(cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.files, "filename", "f", nil, "`file` or folder with YAML or JSON, or - for standard input; may be repeated")
	f.BoolVarP(&o.recursive, "recursive", "R", false, "read the folders in a folder too")
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	f.StringVarP(&o.namespace, "namespace", "n", "default", "`namespace` of objects that name none")
	f.StringVar(&o.judge.Home, "home-namespace", defaultNamespace(), "`namespace` that wildcast runs in: issuers there serve the whole cluster")
	f.StringVar(&o.judge.DefaultIssuer, "default-issuer", "", "as given to wildcast run")
	f.BoolVar(&o.judge.CertManagerAnnotations, "cert-manager-annotations", false, "as given to wildcast run")
	f.StringVar(&o.judge.SolverPrograms, "dns01-exec-dir", "", "as given to wildcast run")
	return cmd
}

func (o *checkOptions) validate() error {
	switch {
	case len(o.files) == 0:
		return errors.New("--filename is missing: name files or folders, such as -f manifests/, or -f - for standard input")
	case o.output != "text" && o.output != "json":
		return fmt.Errorf("--output is %q: give text or json", o.output)
	case o.judge.SolverPrograms != "" && !filepath.IsAbs(o.judge.SolverPrograms):
		return fmt.Errorf("--dns01-exec-dir is %q: give an absolute path", o.judge.SolverPrograms)
	}
	return nil
}

// check prints the findings. That there are any is an error.
func (o *checkOptions) check(stdin io.Reader, stdout io.Writer) error {
	var files lint.Files
	for _, path := range o.files {
		if err := files.Read(path, o.recursive, stdin); err != nil {
			return err
		}
	}
	concerned, findings, err := lint.Check(files, lint.Config{Namespace: o.namespace, Config: o.judge})
	if err != nil {
		return err
	}
	if err := printFindings(stdout, o.output, findings); err != nil {
		return err
	}
	if len(findings) > 0 {
		return fmt.Errorf("found %s", counted(len(findings), "fault"))
	}
	if o.output == "text" {
		_, err = fmt.Fprintf(stdout, "no fault in %s that wildcast reads\n", counted(concerned, "object"))
	}
	return err
}

func printFindings(out io.Writer, format string, findings []lint.Finding) error {
	if format == "json" {
		if findings == nil {
			findings = []lint.Finding{}
		}
		return printJSON(out, map[string]any{"findings": findings})
	}
	for _, f := range findings {
		of := ""
		if f.Kind != "" {
			of = fmt.Sprintf("%s %s: ", f.Kind, slashed(f.Namespace, f.Name))
		}
		if _, err := fmt.Fprintf(out, "%s:%d: %s%s: %s\n", f.File, f.Line, of, f.Reason, f.Message); err != nil {
			return err
		}
	}
	return nil
}

// slashed is namespace/name, or the name alone.
func slashed(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
