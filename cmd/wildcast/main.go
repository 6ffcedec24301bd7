// Command wildcast obtains wildcard certificates for annotated Ingresses and copies Secrets to labelled namespaces.
//
//	wildcast run        the controller
//	wildcast check      faults in files
//	wildcast status     what is issued, where it is copied, what is wrong
//	wildcast explain    why an object is as it is
//	wildcast renew      another certificate now
//	wildcast sidecar    Secrets as files, for a process that reads files
//	wildcast convert    cert-manager's and kubed's objects as wildcast's
//	wildcast version    the version
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set when a release is built.
var version = "dev"

// Exit codes.
const (
	exitFailed = 1 // something went wrong while running
	exitUsage  = 2 // an unknown flag or command, or a bad value
	exitPartly = 3 // convert did not carry everything over
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// execute runs a command line and returns the exit code. An error is one line on stderr that says what to do.
func execute(ctx context.Context, args []string, s streams) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	addCompletion(root)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(s.err, "wildcast: "+oneLine(err.Error()))
	if _, usage := errors.AsType[usageError](err); usage {
		return exitUsage
	}
	if _, partly := errors.AsType[incompleteError](err); partly {
		return exitPartly
	}
	return exitFailed
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:                        "wildcast",
		Annotations:                map[string]string{cobra.CommandDisplayNameAnnotation: calledAs()},
		Short:                      "One wildcard certificate per domain, kept fresh in every namespace that asks for it",
		SilenceErrors:              true,
		SilenceUsage:               true,
		Args:                       knownCommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see: %s --help", flagError(err), cmd.CommandPath())}
	})
	root.AddCommand(runCommand(), checkCommand(), statusCommand(), explainCommand(), renewCommand(), sidecarCommand(), convertCommand(), versionCommand())
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  alone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "wildcast "+version)
			return err
		},
	}
}
