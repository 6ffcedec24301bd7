package lint

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// Files are the documents of some files, and what could not be read in them.
type Files struct {
	Documents []*Document
	Faults    []Finding
}

// extensions are those of the files in a folder that are read, as kubectl does.
var extensions = []string{".yaml", ".yml", ".json"}

// Read takes the documents that [Walk] finds. An error is that the path itself cannot be read.
func (f *Files) Read(path string, recursive bool, stdin io.Reader) error {
	return Walk(path, recursive, stdin, f.parse)
}

// Walk has a file read, the files of a folder that kubectl would read, and with recursive those of its folders too; "-" is
// stdin. read is told how to call the file in messages.
func Walk(path string, recursive bool, stdin io.Reader, read func(file string, from io.Reader) error) error {
	if path == "-" {
		return read("standard input", stdin)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file or folder %s: name one with -f", path)
	}
	found := false
	err := filepath.WalkDir(path, func(at string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("read files: %w", err)
		case entry.IsDir() && at != path && !recursive:
			return filepath.SkipDir
		case entry.IsDir() || at != path && !slices.Contains(extensions, filepath.Ext(at)):
			return nil
		}
		file, err := os.Open(at)
		if err != nil {
			return fmt.Errorf("read files: %w", err)
		}
		defer file.Close()
		found = true
		return read(at, file)
	})
	switch {
	case err != nil || found:
		return err
	case recursive:
		return fmt.Errorf("no file in folder %s ends in %s: name another folder", path, strings.Join(extensions, ", "))
	}
	return fmt.Errorf("no file in folder %s ends in %s: name another folder, or have those in it read too, with -R", path, strings.Join(extensions, ", "))
}

// parse splits a stream into documents.
func (f *Files) parse(file string, from io.Reader) error {
	in := bufio.NewReader(from)
	var text bytes.Buffer
	first, line := 1, 0
	for {
		read, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: %w", file, err)
		}
		line++
		if separates(read) {
			f.document(file, first, text.Bytes())
			text.Reset()
			first = line + 1
		} else {
			text.Write(read)
		}
		if err != nil {
			f.document(file, first, text.Bytes())
			return nil
		}
	}
}

// separates reports whether a line ends a document.
func separates(line []byte) bool {
	rest, found := bytes.CutPrefix(line, []byte("---"))
	return found && (len(bytes.TrimSpace(rest)) == 0 || rest[0] == ' ' || rest[0] == '\t')
}

// document takes one document, whose first line is that of the file. One without a kind is none of Kubernetes, such as a
// kustomization or values of a chart.
func (f *Files) document(file string, first int, text []byte) {
	text = bytes.Clone(text)
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		f.unreadable(file, first, err)
		return
	}
	if node.Kind == 0 {
		return
	}
	var content any
	if err := sigsyaml.UnmarshalStrict(text, &content); err != nil { // as kubectl reads it: yes is true
		f.unreadable(file, first, err)
		return
	}
	f.add(&Document{File: file, first: first, node: node.Content[0], content: content})
}

// add takes an object, or each one of a list.
func (f *Files) add(d *Document) {
	kind := d.text("kind")
	items, isList := d.at("items").([]any)
	if !isList || !strings.HasSuffix(kind, "List") {
		if kind != "" {
			f.Documents = append(f.Documents, d)
		}
		return
	}
	at := child(d.node, "items")
	for i, item := range items {
		node := d.node // if it came by a merge
		if at != nil && i < len(at.Content) {
			node = at.Content[i]
		}
		f.add(&Document{File: d.File, first: d.first, node: node, content: item})
	}
}

var atLine = regexp.MustCompile(`^(?:error converting YAML to JSON: )?yaml: (?:unmarshal errors:\n\s*)?line (\d+): `)

func (f *Files) unreadable(file string, first int, err error) {
	text, line := err.Error(), first
	if found := atLine.FindStringSubmatch(text); found != nil {
		n, _ := strconv.Atoi(found[1])
		text, line = text[len(found[0]):], first+n-1
	}
	f.Faults = append(f.Faults, Finding{File: file, Line: line, Reason: Malformed,
		Message: "This is no YAML: " + strings.ReplaceAll(strings.TrimPrefix(text, "yaml: "), "\n", "; ")})
}
