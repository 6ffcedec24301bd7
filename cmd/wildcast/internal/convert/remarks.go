package convert

import "fmt"

// Remark is what a person should know about one field of the input.
type Remark struct {
	File    string
	Object  string // kind and namespace/name
	Path    string // of the field; empty for the whole object
	Text    string
	Lost    bool   // the field was not carried over
	Command string // what brings it about, for a shell; empty if there is no such thing
}

// String is the remark in one line, without the command.
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
	return text
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
