package convert

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// fields reads a mapping of the input and remembers which keys were read. A key that is null counts as absent.
type fields struct {
	notes
	at    string // its path
	all   map[string]any
	seen  map[string]bool
	below []*fields
}

func newFields(n notes, at string, value any) *fields {
	all, _ := value.(map[string]any)
	return &fields{notes: n, at: at, all: all, seen: map[string]bool{}}
}

func (f *fields) path(key string) string {
	if f.at == "" {
		return key
	}
	if strings.ContainsAny(key, "./") {
		return f.at + "[" + key + "]"
	}
	return f.at + "." + key
}

// has reports whether the key is there. It does not count as read.
func (f *fields) has(key string) bool { return f.all[key] != nil }

// text is a string, or what a number or a boolean looks like; empty if the key is absent.
func (f *fields) text(key string) string {
	f.seen[key] = true
	switch v := f.all[key].(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	f.lost(f.path(key), "it is no text")
	return ""
}

func (f *fields) flag(key string) bool { return f.text(key) == "true" }

// list is a list of texts.
func (f *fields) list(key string) (items []string) {
	f.seen[key] = true
	values, isList := f.all[key].([]any)
	if !isList && f.has(key) {
		f.lost(f.path(key), "it is no list")
	}
	for i, value := range values {
		if text, ok := value.(string); ok {
			items = append(items, text)
		} else {
			f.lost(fmt.Sprintf("%s[%d]", f.path(key), i), "it is no text")
		}
	}
	return items
}

// texts is a mapping of texts.
func (f *fields) texts(key string) map[string]string {
	below := f.sub(key)
	found := map[string]string{}
	for key := range below.all {
		if below.has(key) {
			found[key] = below.text(key)
		}
	}
	return found
}

// sub is a mapping in this one, without any key if it is absent.
func (f *fields) sub(key string) *fields {
	for _, known := range f.below {
		if known.at == f.path(key) {
			return known
		}
	}
	f.seen[key] = true
	if _, isMap := f.all[key].(map[string]any); !isMap && f.has(key) {
		f.lost(f.path(key), "it is no mapping")
	}
	below := newFields(f.notes, f.path(key), f.all[key])
	f.below = append(f.below, below)
	return below
}

// subs is a list of mappings.
func (f *fields) subs(key string) (all []*fields) {
	f.seen[key] = true
	values, isList := f.all[key].([]any)
	if !isList && f.has(key) {
		f.lost(f.path(key), "it is no list")
	}
	for i, value := range values {
		all = append(all, newFields(f.notes, fmt.Sprintf("%s[%d]", f.path(key), i), value))
	}
	f.below = append(f.below, all...)
	return all
}

// drop reports keys that are there as lost, with all below them.
func (f *fields) drop(why string, keys ...string) {
	for _, key := range keys {
		if f.has(key) {
			f.lost(f.path(key), "%s", why)
		}
		f.skip(key)
	}
}

// skip takes keys for read, with all below them.
func (f *fields) skip(keys ...string) {
	for _, key := range keys {
		f.seen[key] = true
	}
}

// unread reports every key that nobody has read.
func (f *fields) unread() {
	for _, key := range slices.Sorted(maps.Keys(f.all)) {
		if f.has(key) && !f.seen[key] {
			f.lost(f.path(key), "wildcast knows nothing of the kind")
		}
	}
	for _, below := range f.below {
		below.unread()
	}
}
