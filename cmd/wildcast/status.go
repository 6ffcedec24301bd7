package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/report"
)

// statusOptions are the flags of "wildcast status".
type statusOptions struct {
	visit
	output   string
	watch    bool
	interval time.Duration
}

func statusCommand() *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is issued, where it is copied, what is wrong and what to do",
		Long: "Show certificates, copies and issuers, what is wrong with them first, each with what to do. Nothing is changed. The\n" +
			"judgments are wildcast's own, made here and now from what is in the cluster; wildcast need not run.\n\n" +
			"It takes the rights of the ClusterRole wildcast-viewer in manifests/viewer.",
		Args: alone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return usageError{err}
			}
			return o.status(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().StringVarP(&o.output, "output", "o", "", "wide, json or yaml (default a table)")
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "show it again whenever it has changed, until interrupted")
	cmd.Flags().DurationVar(&o.interval, "interval", 5*time.Second, "with --watch, how often to look")
	return cmd
}

func (o *statusOptions) validate() error {
	switch {
	case !slices.Contains([]string{"", "wide", "json", "yaml"}, o.output):
		return fmt.Errorf("--output is %q: give wide, json or yaml", o.output)
	case o.interval < time.Second:
		return fmt.Errorf("--interval is %s: give 1s or more", o.interval)
	}
	return nil
}

func (o *statusOptions) status(ctx context.Context, stdout, stderr io.Writer) error {
	if err := o.open(ctx); err != nil {
		return err
	}
	if err := o.worksIn(o.chosen()); err != nil {
		return err
	}
	return o.follow(ctx, stdout, stderr)
}

// follow shows the report, with --watch again whenever it has changed. Once there was one, an error ends nothing: it is said,
// and the report is shown again when there is one again.
func (o *statusOptions) follow(ctx context.Context, stdout, stderr io.Writer) error {
	var shown []byte
	var said string
	for {
		s, err := o.look(ctx)
		switch {
		case ctx.Err() != nil && o.watch:
			return nil // it was interrupted
		case err != nil && shown == nil:
			return err
		case err != nil:
			if err.Error() != said {
				said = err.Error()
				fmt.Fprintf(stderr, "wildcast: %s; it is tried again every %s\n", oneLine(said), o.interval)
			}
			shown = []byte{} // the next report is news, whatever it says
		default:
			if shown, err = o.showNew(s, shown, stdout, stderr); err != nil {
				return err
			}
			said = ""
		}
		if !o.watch {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(o.interval):
		}
	}
}

// showNew shows the report unless it was shown before, and returns what is shown.
func (o *statusOptions) showNew(s *scene, shown []byte, stdout, stderr io.Writer) ([]byte, error) {
	r := s.report()
	state := stateOf(r)
	if bytes.Equal(state, shown) {
		return shown, nil
	}
	if err := o.show(stdout, r, shown != nil); err != nil {
		return nil, err
	}
	s.tellHidden(stderr)
	return state, nil
}

// report is the report of the scene.
func (s *scene) report() report.Report {
	r := report.Make(s.Scene)
	r.Problems = slices.Concat(s.absent, r.Problems)
	return r
}

// stateOf is a report without what changes by itself.
func stateOf(r report.Report) []byte {
	r.Time, r.Running.Renewed = time.Time{}, time.Time{}
	state, _ := json.Marshal(r) // all in it can be marshalled
	return state
}

func (o *statusOptions) show(out io.Writer, r report.Report, again bool) error {
	if again && o.output != "json" {
		separator := map[string]string{"yaml": "---\n"}[o.output]
		if separator == "" {
			separator = "\n" + r.Time.Format(time.RFC3339) + "\n\n"
		}
		if _, err := io.WriteString(out, separator); err != nil {
			return err
		}
	}
	switch o.output {
	case "json":
		return printJSON(out, r)
	case "yaml":
		return printYAML(out, r)
	}
	return report.Print(out, r, o.output == "wide")
}

func printYAML(out io.Writer, value any) error {
	text, err := sigsyaml.Marshal(value)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// tellHidden says what may not be read, and what may be judged wrongly for want of it.
func (s *scene) tellHidden(stderr io.Writer) {
	if s.guessed != "" {
		fmt.Fprintf(stderr, "wildcast: there is no Deployment of wildcast that you may read; it is taken to run in namespace %s: if it does not, give --home-namespace\n", s.guessed)
	}
	slices.Sort(s.hidden)
	if hidden := slices.Compact(s.hidden); len(hidden) > 0 {
		fmt.Fprintf(stderr, "wildcast: you may not read, and it does not count here: %s\n", strings.Join(hidden, ", "))
	}
}
