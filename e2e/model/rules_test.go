package model

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// like changes an object.
type like func(*Object)

func at(text string) Place {
	namespace, name, _ := strings.Cut(text, "/")
	return Place{Namespace: namespace, Name: name}
}

func thing(place string, how ...like) Object {
	o := Object{
		Place: at(place), UID: "uid of " + place, ResourceVersion: "1", Created: noon,
		Labels: map[string]string{}, Annotations: map[string]string{},
		Content: Content{Type: "Opaque", Data: map[string]string{"k": "v"}},
	}
	for _, change := range how {
		change(&o)
	}
	return o
}

func marked(selector string) like {
	return func(o *Object) { o.Annotations[prefix+"sync"] = selector }
}

func annotated(key, value string) like { return func(o *Object) { o.Annotations[key] = value } }

func labelled(key, value string) like { return func(o *Object) { o.Labels[key] = value } }

func written(o *Object) { o.ResourceVersion = "2" }

func valued(value string) like { return func(o *Object) { o.Data = map[string]string{"k": value} } }

func after(d time.Duration) like { return func(o *Object) { o.Created = noon.Add(d) } }

// copied makes an object a copy, as wildcast does.
func copied(from string) like {
	return func(o *Object) {
		source := at(from)
		o.Labels = map[string]string{
			prefix + "origin.cluster": "here", prefix + "origin.namespace": source.Namespace, prefix + "origin.name": source.Name,
		}
		o.Annotations = map[string]string{
			prefix + "origin": fmt.Sprintf(`{"namespace":%q,"name":%q,"uid":"uid of %s","resourceVersion":"1"}`, source.Namespace, source.Name, from),
			prefix + "target": o.Place.String(), prefix + "hash": "1-1",
		}
	}
}

// byKubed makes an object one that kubed made of another.
func byKubed(from string) like {
	return func(o *Object) {
		source := at(from)
		o.Annotations[kubed+"origin"] = fmt.Sprintf(`{"namespace":%q,"name":%q,"uid":"uid of %s","resourceVersion":"1"}`, source.Namespace, source.Name, from)
	}
}

func all(objects ...Object) map[Place]Object {
	m := map[Place]Object{}
	for _, o := range objects {
		m[o.Place] = o
	}
	return m
}

// TestWrong is the table above wrongAt, and what a copy must be. There are the namespaces home, blue of team web, and
// shut, which has opted out.
func TestWrong(t *testing.T) {
	web, offer := marked("team=web"), annotated(prefix+"adopt", "true")
	source := thing("home/s", web)
	copy := thing("blue/s", copied("home/s"))
	spoilt := thing("home/s", marked("team in (web"))
	dialect := thing("home/s", annotated(kubed+"sync", "team=web"))
	elsewhere := labelled(prefix+"origin.cluster", "elsewhere")
	asKubed := func(o *Object) {
		o.Annotations[kubed+"origin"] = o.Annotations[prefix+"origin"]
		o.Labels[kubed+"origin.cluster"], o.Labels[kubed+"origin.namespace"], o.Labels[kubed+"origin.name"] = "here", "home", "s"
	}
	for _, test := range []struct {
		name string
		own  map[Place]Object // users' objects
		kept map[Place]Object
		seen map[Place]Object // beside users' objects
		want string           // what is wrong at blue/s; "" if nothing
	}{
		{"a copy", all(source), nil, all(copy), ""},
		{"no copy", all(source), nil, nil, "no copy of home/s"},
		{"a copy of nothing", nil, nil, all(copy), "belongs to nobody"},
		{"a copy that is not wanted", all(thing("home/s", marked("team=nobody"))), nil, all(copy), "belongs to nobody"},
		{"a source that is marked no more", all(thing("home/s", marked("false"))), nil, all(copy), "belongs to nobody"},
		{"another value", all(source), nil, all(thing("blue/s", copied("home/s"), valued("w"))), "data"},
		{"another type", all(source), nil, all(thing("blue/s", copied("home/s"), func(o *Object) { o.Type = "other" })), "type other"},
		{"not immutable", all(thing("home/s", web, func(o *Object) { o.Immutable = true })), nil, all(copy), "immutable is false"},
		{"no mark", all(source), nil, all(thing("blue/s")), "not marked"},
		{"another origin", all(source), nil, all(thing("blue/s", copied("home/t"))), "marked as a copy of"},
		{"a label missing", all(thing("home/s", web, labelled("tier", "gold"))), nil, all(copy), "label tier"},
		{"a label left over", all(source), nil, all(thing("blue/s", copied("home/s"), labelled("tier", "gold"))), "left over"},
		{"a user's label kept that is none", all(source), nil, all(thing("blue/s", copied("home/s"), annotated(prefix+"kept", "tier"), labelled("tier", "gold"))), "left over"},
		{"a tool's label copied", all(thing("home/s", web, labelled("helm.sh/chart", "c"))), nil,
			all(thing("blue/s", copied("home/s"), labelled("helm.sh/chart", "c"))), "left over"},
		{"the younger source's copy", all(thing("home/s", web, after(time.Hour)), thing("blue/t", web, annotated(prefix+"sync-as", "s"))), nil, all(copy), "marked as a copy"},

		{"a user's object", all(source, thing("blue/s")), nil, nil, ""},
		{"a user's object written", all(source, thing("blue/s")), nil, all(thing("blue/s", written)), "was written"},
		{"a user's object deleted and made again", all(source, thing("blue/s")), nil, all(thing("blue/s", func(o *Object) { o.UID = "other" })), "another object"},
		{"an offered object as it was", all(source, thing("blue/s", offer)), nil, all(thing("blue/s", offer)), "not marked"},
		{"an offered object taken over", all(source, thing("blue/s", offer)), nil, all(copy), ""},
		{"another cluster's copy", all(source, thing("blue/s", copied("home/t"), elsewhere)), nil, nil, ""},
		{"another cluster's copy taken over", all(source, thing("blue/s", copied("home/t"), elsewhere)), nil, all(thing("blue/s", copied("home/s"), written)), "was written"},
		{"another cluster's copy that is offered, as it was", all(source, thing("blue/s", copied("home/t"), elsewhere, offer)), nil, nil, "marked as a copy of"},
		{"another cluster's copy that is offered, taken over", all(source, thing("blue/s", copied("home/t"), elsewhere, offer)), nil, all(copy), ""},
		{"an offered object that nobody wants, taken over", all(thing("blue/s", offer)), nil, all(thing("blue/s", copied("home/s"), written)), "was written"},

		{"another binary value", all(thing("home/s", web, func(o *Object) { o.Binary = map[string]string{"b": "\xff"} })), nil, all(copy), "binaryData"},
		{"kubed's marks missing", all(dialect), nil, all(copy), "kubed.appscode.com/origin"},
		{"kubed's marks", all(dialect), nil, all(thing("blue/s", copied("home/s"), asKubed)), ""},
		{"kubed's marks of a source that has none", all(source), nil, all(thing("blue/s", copied("home/s"), asKubed)), "left over"},
		{"a selector of kubed's that counts for nothing", all(thing("home/s", web, annotated(kubed+"sync", "team=nobody"))), nil, nil, "no copy of home/s"},
		{"left by kubed, as it was", all(source, thing("blue/s", byKubed("home/s"))), nil, nil, "not marked"},
		{"left by kubed, taken over", all(source, thing("blue/s", byKubed("home/s"))), nil, all(copy), ""},
		{"left by kubed of another source, taken over", all(source, thing("blue/s", byKubed("grey/s"))), nil, all(thing("blue/s", copied("home/s"), written)), "was written"},
		{"left by kubed where nothing belongs, gone", all(thing("home/s", marked("team=nobody")), thing("blue/s", byKubed("home/s"))), nil, all(thing("blue/s", copied("home/s"), written)), "was written"},
		{"left by kubed with the annotation of its source", all(thing("blue/s", byKubed("home/s"), marked(""))), nil, nil, ""},

		{"a copy kept", all(spoilt), all(copy), all(copy), ""},
		{"a copy kept though its source has none of the keys that it lists", all(thing("home/s", web, annotated(prefix+"sync-keys", "none"))), all(copy), all(copy), ""},
		{"a copy of a source that has none of the keys that it lists", all(thing("home/s", web, annotated(prefix+"sync-keys", "none"))), nil, all(copy), "belongs to nobody"},
		{"a copy of one of two keys, of which there is one", all(thing("home/s", web, annotated(prefix+"sync-keys", "none, k"))), nil, all(copy), ""},
		{"a copy not kept", all(spoilt), all(copy), nil, "nobody may remove"},
		{"a copy kept though written", all(spoilt), all(copy), all(thing("blue/s", copied("home/s"), written)), "was written"},
		{"a kept copy given to a younger source", all(spoilt, thing("home/t", web, annotated(prefix+"sync-as", "s"), after(time.Hour))), all(copy),
			all(thing("blue/s", copied("home/t"), written)), "was written"},
		{"a kept copy given to an older source", all(spoilt, thing("home/t", web, annotated(prefix+"sync-as", "s"), after(-time.Hour))), all(copy),
			all(thing("blue/s", copied("home/t"), written)), ""},
	} {
		w := World{Cluster: "here", Objects: test.own, Kept: test.kept, Namespaces: map[string]map[string]string{
			"home": {}, "blue": {"team": "web"}, "shut": {"team": "web", prefix + "sync": "false"},
		}}
		seen := maps.Clone(test.own)
		if seen == nil {
			seen = map[Place]Object{}
		}
		maps.Copy(seen, test.seen)
		wrong := strings.Join(w.Wrong(seen), "\n")
		if test.want == "" && wrong != "" || !strings.Contains(wrong, test.want) {
			t.Errorf("%s: %q, want %q", test.name, wrong, test.want)
		}
	}
}

func TestTheChoiceThatAMomentaryStateGivesIsAccepted(t *testing.T) {
	offered := thing("blue/s", annotated(prefix+"adopt", "true"))
	w := World{Namespaces: map[string]map[string]string{"blue": {}}, Objects: all(offered)}
	if w.Wrong(nil) == nil {
		t.Error("an offered object may go though nobody ever wanted its place")
	}
	w.past.objects = []Object{thing("home/s", marked("team=web"))}
	w.past.labels = map[string][]map[string]string{"blue": {{"team": "web"}, {}}}
	for _, seen := range []map[Place]Object{nil, all(offered)} {
		if wrong := w.Wrong(seen); wrong != nil {
			t.Error(wrong)
		}
	}
}
