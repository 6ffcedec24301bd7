package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError marks an error that lies in how wildcast was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// values says what to give to a flag of a type.
var values = map[string]string{
	"bool":     "true or false",
	"duration": "a duration, such as 30s or 5m",
	"float32":  "a number",
	"int":      "a whole number",
}

// flagError says what to do about a flag. Of a bad value, pflag's own words are about Go's parsers.
func flagError(err error) error {
	wrong, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	give, known := values[wrong.GetFlag().Value.Type()]
	if !known {
		return err
	}
	return fmt.Errorf("--%s is %q: give %s", wrong.GetFlag().Name, wrong.GetValue(), give)
}

// alone takes no arguments.
func alone(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{fmt.Errorf("%q is one argument too many: there are only flags; see: %s --help", args[0], cmd.CommandPath())}
}

// filesAlone takes no arguments, of which people think as files.
func filesAlone(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{fmt.Errorf("%q is one argument too many: name files and folders with -f, as in: %s -f %s", args[0], cmd.CommandPath(), args[0])}
}

// knownCommand takes no arguments, of which people think as commands.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	meant := "; see:"
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		meant = ": did you mean " + strings.Join(near, " or ") + "? See:"
	}
	return usageError{fmt.Errorf("there is no command %q%s %s --help", args[0], meant, cmd.CommandPath())}
}

// addCompletion adds cobra's command, and has it ask for the shell that it needs.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	if err != nil {
		return
	}
	completion.RunE = func(cmd *cobra.Command, _ []string) error {
		return usageError{fmt.Errorf("name a shell: bash, zsh, fish or powershell; see: %s --help", cmd.CommandPath())}
	}
	completion.Args = cobra.ArbitraryArgs
	for _, shell := range completion.Commands() {
		shell.Args = alone
	}
}

// oneLine puts lines of an error, such as client-go's about a credential plugin, together.
func oneLine(text string) string {
	var all strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch sofar := all.String(); {
		case line == "":
			continue
		case sofar == "":
		case strings.HasSuffix(sofar, ".") || strings.HasSuffix(sofar, ":"):
			all.WriteString(" ")
		default:
			all.WriteString("; ")
		}
		all.WriteString(line)
	}
	return all.String()
}
