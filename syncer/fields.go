package syncer

import (
	"encoding/json"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// owned is what an object's managedFields tell about it. The API server notes there, for every write, which fields
// it set; metadata that a watch brings thus says, without any data, whether the content is still what we wrote:
//
//	somebody else                        our entry                    theirs
//	sets a key to another value          loses the key                has the key
//	removes a key                        loses the key
//	adds a key, or sets immutable                                     has what we lack
//	applies a key with the same value    keeps the key                has it too
//	applies a key as stringData          keeps the key                has it in stringData, whatever the value
//	changes labels                       keeps the keys
//	clears managedFields                 is gone
//
// So the content is as we wrote it exactly if our entry still holds all the fields that we set, and nobody else holds
// one that we do not. A PUT of ours that restores a value takes the field back. An entry can be lost without a change
// of content (clients may clear managedFields; the server merges the oldest of more than ten): not being proved intact
// is a reason to read the copy, never to write it.
type owned struct {
	fields      string   // digest of the content fields in our entry, as fieldsDigest makes it
	foreign     bool     // somebody else holds a content field that we do not, or stringData
	claimed     bool     // somebody else has set the origin annotation
	immutable   bool     // somebody holds the field immutable
	labels      []string // keys in our entry, sorted
	annotations []string
	writer      string // who else wrote last
}

// readOwned reads managedFields. Entries that it cannot read count as absent, so that the object is not intact. The
// result's slices must not be changed.
func readOwned(entries []metav1.ManagedFieldsEntry) owned {
	if len(entries) == 1 && entries[0].Manager == manager && entries[0].FieldsV1 != nil {
		return oursAlone.of(entries[0].FieldsV1.GetRawString())
	}
	return readEntries(entries)
}

// oursAlone is what is owned of an object that has no other entry than ours, by what that says.
var oursAlone = newMemo(func(fields string) owned {
	return readEntries([]metav1.ManagedFieldsEntry{{Manager: manager, FieldsV1: metav1.NewFieldsV1(fields)}})
})

func readEntries(entries []metav1.ManagedFieldsEntry) owned {
	var o owned
	var ours, theirs []string
	var last time.Time
	for i := range entries {
		var set fieldSet
		if entries[i].FieldsV1 == nil || json.Unmarshal(entries[i].FieldsV1.GetRawBytes(), &set) != nil {
			continue
		}
		content := set.content()
		o.immutable = o.immutable || slices.Contains(content, immutableField)
		if entries[i].Manager != manager {
			if when := entries[i].Time; when != nil && !when.Time.Before(last) {
				o.writer, last = entries[i].Manager, when.Time
			}
			theirs = append(theirs, content...)
			o.foreign = o.foreign || set.StringData != nil
			o.claimed = o.claimed || slices.Contains(names(set.Metadata.Annotations), AnnotationOrigin)
			continue
		}
		ours = append(ours, content...)
		o.labels = append(o.labels, names(set.Metadata.Labels)...)
		o.annotations = append(o.annotations, names(set.Metadata.Annotations)...)
	}
	o.fields = fieldsDigest(ours)
	o.claimed = o.claimed && !slices.Contains(o.annotations, AnnotationOrigin)
	o.foreign = o.foreign || slices.ContainsFunc(theirs, func(field string) bool { return !slices.Contains(ours, field) })
	slices.Sort(o.labels)
	slices.Sort(o.annotations)
	return o
}

// intact reports whether the content is provably the one that hash was written for, and hash and origin are ours.
func (o *owned) intact(hash string) bool {
	return !o.foreign && o.fields == hashedFields(hash) &&
		slices.Contains(o.annotations, AnnotationHash) && slices.Contains(o.annotations, AnnotationOrigin)
}

// How a content field is called here. The type is none: it never changes.
const immutableField = "immutable"

func dataField(key string) string   { return "data/" + key }
func binaryField(key string) string { return "binaryData/" + key }

// fieldSet is as much as matters here of a FieldsV1. Its keys are "f:" and the field's name, or "." for the map itself.
type fieldSet struct {
	Data       fieldNames      `json:"f:data"`
	Binary     fieldNames      `json:"f:binaryData"`
	StringData json.RawMessage `json:"f:stringData"`
	Immutable  json.RawMessage `json:"f:immutable"`
	Metadata   struct {
		Labels      fieldNames `json:"f:labels"`
		Annotations fieldNames `json:"f:annotations"`
	} `json:"f:metadata"`
}

type fieldNames map[string]json.RawMessage

func (s *fieldSet) content() []string {
	var fields []string
	for _, key := range names(s.Data) {
		fields = append(fields, dataField(key))
	}
	for _, key := range names(s.Binary) {
		fields = append(fields, binaryField(key))
	}
	if s.Immutable != nil {
		fields = append(fields, immutableField)
	}
	return fields
}

func names(m fieldNames) []string {
	var list []string
	for field := range m {
		if name, ok := cutField(field); ok {
			list = append(list, name)
		}
	}
	return list
}

func cutField(field string) (string, bool) {
	if len(field) < 2 || field[:2] != "f:" {
		return "", false
	}
	return field[2:], true
}
