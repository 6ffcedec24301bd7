package convert

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Remark is what a person should know about one field of the input.
type Remark struct {
	File    string
	Object  string // kind and namespace/name
	Path    string // of the field; empty for the whole object
	Text    string
	Lost    bool   // the field was not carried over
	Command string // what brings it about, for a shell; empty if there is no such thing
}

// String is the remark in one line, without the command. What is in the input cannot begin a line of its own, which would
// look like a command.
func (r Remark) String() string {
	text := r.Text
	if r.Lost {
		text = "not carried over: " + text
	}
	for _, part := range []string{r.Path, r.Object, r.File} {
		if part != "" {
			text = part + ": " + text
		}
	}
	return strings.Join(strings.FieldsFunc(text, unicode.IsControl), " ")
}

// notes collects the remarks about one object.
type notes struct {
	to           *[]Remark
	file, object string
}

func (n notes) add(r Remark) {
	r.File, r.Object = n.file, n.object
	*n.to = append(*n.to, r)
}

func (n notes) note(path, format string, args ...any) {
	n.add(Remark{Path: path, Text: fmt.Sprintf(format, args...)})
}

func (n notes) lost(path, format string, args ...any) {
	n.add(Remark{Path: path, Text: fmt.Sprintf(format, args...), Lost: true})
}

// harmless matches words that mean themselves to a shell.
var harmless = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)

// shell is a command line. Words come from the input, so that those that a shell would not take literally are quoted.
func shell(words ...string) string {
	quoted := make([]string, 0, len(words))
	for _, word := range words {
		if !harmless.MatchString(word) {
			word = "'" + strings.ReplaceAll(strings.Map(printable, word), "'", `'\''`) + "'"
		}
		quoted = append(quoted, word)
	}
	return strings.Join(quoted, " ")
}

// printable drops what would end the line of a command.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return -1
	}
	return r
}
