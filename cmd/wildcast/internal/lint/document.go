package lint

import (
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Document is one object in a file.
type Document struct {
	File    string
	first   int        // line of the file at which the node's line 1 is
	node    *yaml.Node // knows positions
	content any        // the same as kubectl reads it
}

// at is what stands at a path of keys, nil if there is nothing.
func (d *Document) at(path ...string) any {
	here := d.content
	for _, key := range path {
		fields, _ := here.(map[string]any)
		here = fields[key]
	}
	return here
}

// text is the string at a path, empty if there is none.
func (d *Document) text(path ...string) string {
	text, _ := d.at(path...).(string)
	return text
}

// has reports whether there is something at a path.
func (d *Document) has(path ...string) bool { return d.at(path...) != nil }

// Line is the line of the file at which the key at a path stands, or that of the last key on the way to it which there
// is. A number in a path is an index.
func (d *Document) Line(path ...string) int {
	here, line := d.node, d.node.Line
	for _, key := range path {
		here = resolve(here)
		if here.Kind == yaml.SequenceNode {
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(here.Content) {
				break
			}
			here = here.Content[i]
			line = here.Line
			continue
		}
		at := keyIn(here, key)
		if at < 0 {
			break
		}
		line, here = here.Content[at].Line, here.Content[at+1]
	}
	return d.first + line - 1
}

// keyIn is the index of a key among a mapping's content, -1 for none.
func keyIn(node *yaml.Node, key string) int {
	if node.Kind != yaml.MappingNode {
		return -1
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// child is the value of a key, nil if there is none.
func child(node *yaml.Node, key string) *yaml.Node {
	node = resolve(node)
	if at := keyIn(node, key); at >= 0 {
		return resolve(node.Content[at+1])
	}
	return nil
}

// resolve follows an alias.
func resolve(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}
