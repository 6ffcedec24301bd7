package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// ofTheRelease is the flag that the chart has no value for: the release's namespace is the home namespace.
const ofTheRelease = "namespace"

// property is what the chart's schema says of a value.
type property struct {
	Type       any                 `json:"type"`
	Ref        string              `json:"$ref"`
	Properties map[string]property `json:"properties"`
}

// types are those that the value may have.
func (p property) types(definitions map[string]property) []string {
	if name, ok := strings.CutPrefix(p.Ref, "#/definitions/"); ok {
		p = definitions[name]
	}
	if one, ok := p.Type.(string); ok {
		return []string{one}
	}
	return strings.Fields(strings.Trim(fmt.Sprint(p.Type), "[]"))
}

// chartFlags are the values for flags that the chart's schema knows, with their types.
func chartFlags(t *testing.T) map[string][]string {
	t.Helper()
	var schema struct {
		property
		Definitions map[string]property `json:"definitions"`
	}
	if err := json.Unmarshal([]byte(readDoc(t, "manifests/values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for name, p := range schema.Properties["flags"].Properties {
		found[name] = p.types(schema.Definitions)
	}
	return found
}

// schemaTypes are what values of flags are in a schema.
var schemaTypes = map[string]string{
	"bool": "boolean", "int": "integer", "float32": "number", "string": "string", "duration": "string", "stringSlice": "array",
}

func TestTheChartHasAValueForEveryFlag(t *testing.T) {
	schema, values := chartFlags(t), readDoc(t, "manifests/values.yaml")
	runCommand().Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == ofTheRelease {
			return
		}
		if want := schemaTypes[f.Value.Type()]; !slices.Contains(schema[f.Name], want) {
			t.Errorf("the chart does not know --%s: put %q of type %q into manifests/values.schema.json, at properties.flags.properties", f.Name, f.Name, want)
		}
		row := regexp.MustCompile("(?m)^  # " + f.Name + ": (.+)$").FindStringSubmatch(values)
		if row == nil {
			t.Errorf("the chart does not show --%s: put a comment and the line %q into manifests/values.yaml, below flags", f.Name, "  # "+f.Name+": DEFAULT")
			return
		}
		var shown any
		if err := yaml.Unmarshal([]byte(row[1]), &shown); err != nil {
			t.Errorf("manifests/values.yaml, --%s: %v", f.Name, err)
		}
		if none := f.DefValue == "" || f.DefValue == "[]" || f.Name == "dns01-command"; !none && fmt.Sprint(shown) != f.DefValue {
			t.Errorf("manifests/values.yaml says that the default of --%s is %v, which is %s", f.Name, shown, f.DefValue)
		}
	})
	for name := range schema {
		if runCommand().Flags().Lookup(name) == nil || name == ofTheRelease {
			t.Errorf("manifests/values.schema.json has the flag %s, which wildcast run has not: remove it there and in manifests/values.yaml", name)
		}
	}
}

// A flag NAME-address is the chart's way to move the port NAME.
func TestEveryPortOfTheDeploymentIsTheDefaultOfAFlag(t *testing.T) {
	ports := regexp.MustCompile(`(?m)^ +- name: (\S+)\n +containerPort: (\d+)$`).FindAllStringSubmatch(readDoc(t, "manifests/base/deployment.yaml"), -1)
	if len(ports) < 3 {
		t.Fatalf("manifests/base/deployment.yaml has just %d ports", len(ports))
	}
	for _, port := range ports {
		f := runCommand().Flags().Lookup(port[1] + "-address")
		if f == nil || f.DefValue != ":"+port[2] {
			t.Errorf("port %s of manifests/base/deployment.yaml is %s: name it after the flag NAME-address whose default is that port", port[1], port[2])
		}
	}
}
