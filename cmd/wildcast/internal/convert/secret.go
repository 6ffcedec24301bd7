package convert

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// setting is the value of a key of a Secret that is made.
type setting struct {
	text string
	fill *fill // nil if the text is all
}

// fill says where a value is in the cluster that was not in the input.
type fill struct {
	path   string // of the reference
	secret types.NamespacedName
	key    string
	before string // text that goes before it
}

// settings are the keys of a Secret.
type settings map[string]setting

// put sets a key unless the text is empty.
func (s settings) put(key, text string) {
	if text != "" {
		s[key] = setting{text: text}
	}
}

// texts are the values, placeholders among them.
func (s settings) texts() map[string]string {
	texts := map[string]string{}
	for key, setting := range s {
		texts[key] = setting.text
	}
	return texts
}

// value is what a Secret of the input has under a key, or else a placeholder and where the value is.
func (c *converter) value(path string, secret types.NamespacedName, key string) setting {
	if in := c.secrets[secret]; in != nil {
		if text, found := in.data()[key]; found {
			in.used = true
			return setting{text: text}
		}
	}
	return setting{text: fmt.Sprintf("REPLACE-ME-with-%s-of-Secret-%s", key, secret), fill: &fill{path: path, secret: secret, key: key}}
}

// referred reads a reference to a key of a Secret and takes the value under another name; default is the key if the reference
// names none.
func (s settings) referred(c *converter, namespace, name string, ref *fields, otherwise string) {
	secret := types.NamespacedName{Namespace: namespace, Name: ref.text("name")}
	key := ref.text("key")
	if key == "" {
		key = otherwise
	}
	if secret.Name == "" {
		return // older versions leave an empty reference
	}
	if ns := ref.text("namespace"); ns != "" {
		secret.Namespace = ns
	}
	s[name] = c.value(ref.at, secret, key)
}

// makeSecret is a Secret, with a remark and a command for each value that was not in the input.
func makeSecret(n notes, name types.NamespacedName, kind string, meta metadata, data settings) map[string]any {
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if f := data[key].fill; f != nil {
			n.add(Remark{Path: f.path, Lost: true, Command: f.command(name, key),
				Text: fmt.Sprintf("Secret %s is not in the input: %s of Secret %s has a placeholder, which this replaces once it is applied:", f.secret, key, name)})
		}
	}
	return map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": meta.of(name), "type": kind, "stringData": data.texts()}
}

// command is what copies a value within the cluster, as it is stored. If something goes before it, it is written as text.
func (f *fill) command(into types.NamespacedName, key string) string {
	value := shell("kubectl", "-n", f.secret.Namespace, "get", "secret", f.secret.Name, "-o", "jsonpath={.data."+strings.ReplaceAll(f.key, ".", `\.`)+"}")
	field := "data"
	if f.before != "" {
		field, value = "stringData", value+" | base64 -d"
	}
	patch := shell("kubectl", "-n", into.Namespace, "patch", "secret", into.Name, "--type=merge", "-p")
	return fmt.Sprintf(`%s "{\"%s\":{\"%s\":\"%s$(%s)\"}}"`, patch, field, key, f.before, value)
}

// metadata are labels and annotations of something that is made.
type metadata struct{ labels, annotations map[string]string }

func (m metadata) of(name types.NamespacedName) map[string]any {
	meta := map[string]any{"namespace": name.Namespace, "name": name.Name}
	if len(m.labels) > 0 {
		meta["labels"] = m.labels
	}
	if len(m.annotations) > 0 {
		meta["annotations"] = m.annotations
	}
	return meta
}
