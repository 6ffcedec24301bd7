// Package page reads the commands that the documentation shows, so that suites can run them.
package page

import (
	"fmt"
	"os"
	"strings"
	"unicode"
)

// Example is a command of kubectl's, and what it prints.
type Example struct {
	Args []string
	Want string
}

// Examples are those in the indented blocks of a page: lines that begin with "$ kubectl", and what comes of them. Blocks
// without a "$" are none.
func Examples(file string) ([]Example, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read examples: %w", err)
	}
	var all []Example
	within := false
	for line := range strings.Lines(string(text)) {
		line, indented := strings.CutPrefix(line, "    ")
		command, begins := strings.CutPrefix(line, "$ kubectl ")
		switch {
		case !indented:
			within = false
		case begins:
			all, within = append(all, Example{Args: words(strings.TrimSpace(command))}), true
		case within:
			all[len(all)-1].Want += line
		}
	}
	return all, nil
}

// words splits a command line, in which there are single quotes and no other.
func words(line string) []string {
	quoted := false
	fields := strings.FieldsFunc(strings.Map(func(r rune) rune {
		if r == '\'' {
			quoted = !quoted
			return -1
		}
		if quoted && unicode.IsSpace(r) {
			return '\u00a0'
		}
		return r
	}, line), func(r rune) bool { return r == ' ' })
	for i := range fields {
		fields[i] = strings.ReplaceAll(fields[i], "\u00a0", " ")
	}
	return fields
}
