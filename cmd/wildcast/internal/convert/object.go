package convert

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Object is one object of the input, as a YAML or JSON decoder leaves it.
type Object struct {
	File    string
	Content map[string]any
}

// Read splits a stream of YAML or JSON documents into objects, and lists into their items. Documents without a kind are
// none of Kubernetes' and are left out.
func Read(file string, from io.Reader) (all []Object, err error) {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(from))
	for n := 1; ; n++ {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		var content any
		if err := yaml.UnmarshalStrict(text, &content); err != nil {
			reason := strings.NewReplacer("error converting YAML to JSON: ", "", "yaml: ", "", "unmarshal errors:\n", "").Replace(err.Error())
			return nil, fmt.Errorf("read %s: document %d is no YAML: %s; wildcast check says the line of the file", file, n, reason)
		}
		all = append(all, flatten(file, content)...)
	}
}

func flatten(file string, content any) (all []Object) {
	object, _ := content.(map[string]any)
	kind, _ := object["kind"].(string)
	items, isList := object["items"].([]any)
	switch {
	case kind == "":
		return nil
	case !isList || !strings.HasSuffix(kind, "List"):
		return []Object{{file, object}}
	}
	for _, item := range items {
		all = append(all, flatten(file, item)...)
	}
	return all
}

// Write prints objects: as YAML documents, or as one JSON list.
func Write(to io.Writer, format string, objects []map[string]any) error {
	if format == "json" {
		encoder := json.NewEncoder(to)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		items := append([]map[string]any{}, objects...)
		return encoder.Encode(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	}
	var out bytes.Buffer
	for i, object := range objects {
		text, err := yaml.Marshal(object)
		if err != nil {
			return fmt.Errorf("write YAML: %w", err)
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(text)
	}
	_, err := to.Write(out.Bytes())
	return err
}
