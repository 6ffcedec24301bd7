package model

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Op is one thing that users do. It says all that it takes, and nothing about what it will meet.
type Op struct {
	Verb       string
	At, Other  Place
	Key, Value string // of a namespace's label
	Source     Source // how a source is marked
	Number     int    // makes values differ
	Type       string
	Immutable  bool
}

// Source are the annotations of a source.
type Source struct {
	Sync, As, Keys string
	Kubed          string // "instead": the selector is in kubed's annotation; "too": kubed's is there as well, and counts for nothing
}

func (o Op) String() string {
	text := fmt.Sprintf("%s %s", o.Verb, o.At)
	switch {
	case strings.HasSuffix(o.Verb, "namespace"):
		return fmt.Sprintf("%s %s %s=%s", o.Verb, o.At.Namespace, o.Key, o.Value)
	case slices.Contains([]string{"clone", "forge a copy", "forge another cluster's copy", "kubed copies"}, o.Verb):
		return fmt.Sprintf("%s, other %s", text, o.Other)
	case slices.Contains([]string{"create source", "mark", "recreate"}, o.Verb):
		return fmt.Sprintf("%s %+v %s immutable=%t #%d", text, o.Source, o.Type, o.Immutable, o.Number)
	}
	return fmt.Sprintf("%s #%d", text, o.Number)
}

// Verbs are what users do, and how often, in parts of the whole.
type Verbs map[string]int

// All are all verbs.
func All() Verbs {
	return Verbs{
		"create namespace": 6, "delete namespace": 1, "label namespace": 8, "unlabel namespace": 5,
		"shut namespace": 3, "open namespace": 3, "fill namespace": 1,

		"create source": 24, "mark": 10, "unmark": 3, "unmark for kubed": 2, "recreate": 5, "spoil": 6, "touch": 4,
		"create hidden": 1, "remove hidden": 1, "make way": 4,

		"create": 6, "create offered": 2, "offer": 4, "delete": 12,
		"change": 8, "add key": 3, "drop key": 3, "freeze": 2, "change binary": 3, "turn key": 2,
		"user label": 3, "source label": 3, "tool label": 2,
		"drift label": 3, "drift origin": 2, "take mark": 2, "mark copy": 1,
		"clone": 3, "forge a copy": 3, "forge another cluster's copy": 2,
		"kubed copies": 8, "kubed overwrites": 2,
	}
}

// Without leaves some out.
func (v Verbs) Without(verbs ...string) Verbs {
	rest := maps.Clone(v)
	for _, verb := range verbs {
		delete(rest, verb)
	}
	return rest
}

// long is a name of more than 63 characters, which no label can hold.
var long = strings.Repeat("long-name.", 9) + "x"

// hidden is the name of objects of a type that is never reflected. Nothing else has it: that such an object has gone
// from where a copy should be is learned only by and by.
const hidden = "hidden"

func (v Verbs) draw(r *rand.Rand) string {
	verbs := slices.Sorted(maps.Keys(v))
	total := 0
	for _, verb := range verbs {
		total += v[verb]
	}
	n := r.IntN(total)
	for _, verb := range verbs {
		if n -= v[verb]; n < 0 {
			return verb
		}
	}
	panic("unreachable: the parts add up to the total")
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// Draw draws what users do next. It always draws the same number of times. Names of namespaces begin with scene.
func (v Verbs) Draw(r *rand.Rand, scene string) Op {
	place := func() Place {
		namespace := pick(r, scene+"-0", scene+"-1", scene+"-2", scene+"-3", scene+"-4", scene+"-5")
		return Place{Namespace: namespace, Name: pick(r, "a", "b", long)}
	}
	label := pick(r, [2]string{"team", "web"}, [2]string{"team", "ops"}, [2]string{"env", "prod"}, [2]string{"env", "test"})
	return Op{
		Verb: v.draw(r), At: place(), Other: place(), Key: label[0], Value: label[1],
		Source: Source{
			Sync: pick(r, "", "true", "team=web", "team=web", "team in (web, ops)", "env=prod,team", "!env", "team!=web", "team=nobody", "false"),
			As:   pick(r, "", "", "", "a", "z"),
			Keys: pick(r, "", "", "", "tls.crt", "tls.crt, more", "more, blob", "none, tls.key"),

			Kubed: pick(r, "", "", "", "instead", "too"),
		},
		Number:    r.IntN(1000),
		Type:      pick(r, "Opaque", "Opaque", "kubernetes.io/tls", "example.com/own"),
		Immutable: r.IntN(6) == 0,
	}
}

// Do does it, and writes it into the journal if anything has come of it. That the API server refuses what users may not do,
// or that there is nothing to do it to, is no error.
func (u *Users) Do(ctx context.Context, op Op) error {
	err := u.Try(ctx, op)
	if err == nil {
		u.Done[op.Verb]++
		u.Journal = append(u.Journal, op.String())
	}
	if err != nil && !toNothing(err) {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// toNothing reports whether an error says that an Op was not for what is there.
func toNothing(err error) bool {
	_, known := errors.AsType[moot](err)
	return known || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) ||
		apierrors.IsInvalid(err) || apierrors.IsForbidden(err)
}

// moot is why there is nothing to do.
type moot string

func (m moot) Error() string { return string(m) }

const errNoNamespace = moot("there is no such namespace")

// ErrAsleep is for [Users.Awake] where wildcast must not run: what users do in a cluster at rest then comes to nothing.
const ErrAsleep = moot("wildcast sleeps")

// Try does it. The error says that it has come to nothing or that something is broken, or is an *Unsettled.
func (u *Users) Try(ctx context.Context, op Op) error {
	if op.Verb == "create namespace" {
		return u.createNamespace(ctx, op.At.Namespace, map[string]string{op.Key: op.Value})
	}
	if !u.World.open(op.At) {
		return errNoNamespace
	}
	if strings.HasSuffix(op.Verb, " namespace") {
		return u.tryNamespace(ctx, op)
	}
	if how := edits[op.Verb]; how != nil {
		return u.change(ctx, op.At, func(o *Object) { how(op, o) })
	}
	return u.tryObject(ctx, op)
}

func (u *Users) tryNamespace(ctx context.Context, op Op) error {
	name := op.At.Namespace
	switch op.Verb {
	case "delete namespace":
		return u.deleteNamespace(ctx, name)
	case "label namespace":
		return u.labelNamespace(ctx, name, op.Key, op.Value)
	case "unlabel namespace":
		return u.labelNamespace(ctx, name, op.Key, "")
	case "shut namespace":
		return u.labelNamespace(ctx, name, prefix+"sync", "false")
	case "open namespace":
		return u.labelNamespace(ctx, name, prefix+"sync", "")
	case "fill namespace":
		return u.fill(ctx, name)
	}
	return fmt.Errorf("no such verb: %s", op.Verb)
}

// edits are the changes of whatever is at a place, be it a source, a copy or something else.
var edits = map[string]func(Op, *Object){
	"mark":             func(op Op, o *Object) { op.Source.put(o) },
	"unmark":           func(_ Op, o *Object) { delete(o.Annotations, prefix+"sync") },
	"unmark for kubed": func(_ Op, o *Object) { delete(o.Annotations, kubed+"sync") },
	"offer":            func(_ Op, o *Object) { o.Annotations[prefix+"adopt"] = "true" },
	"change":           func(op Op, o *Object) { o.Data["tls.crt"] = fmt.Sprint("changed ", op.Number) },
	"add key":          func(op Op, o *Object) { o.Data["more"] = fmt.Sprint("added ", op.Number) },
	"drop key":         func(_ Op, o *Object) { delete(o.Data, "more") },
	"change binary":    func(op Op, o *Object) { o.Binary["blob"] = fmt.Sprint("\xff", op.Number) },
	"turn key": func(_ Op, o *Object) { // of the same name and value, from data to binaryData, and back
		o.Data["more"], o.Binary["more"] = o.Binary["more"], o.Data["more"]
		for _, all := range []map[string]string{o.Data, o.Binary} {
			maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
		}
	},
	"freeze":       func(_ Op, o *Object) { o.Immutable = true },
	"user label":   func(op Op, o *Object) { o.Labels[userLabel+fmt.Sprint(op.Number)] = "mine" },
	"source label": func(op Op, o *Object) { o.Labels["tier"] = fmt.Sprint(op.Number % 3) },
	"tool label": func(op Op, o *Object) {
		o.Labels["app.kubernetes.io/managed-by"], o.Annotations["argocd.argoproj.io/tracking-id"] = "tool", fmt.Sprint(op.Number)
	},
	"drift label": func(op Op, o *Object) {
		delete(o.Labels, oneOf(op.Number, "tier", prefix+"origin.name", prefix+"origin.namespace", kubed+"origin.name"))
	},
	"drift origin": func(_ Op, o *Object) {
		o.Annotations[prefix+"origin"] = strings.Replace(o.Annotations[prefix+"origin"], `"uid":"`, `"uid":"x`, 1)
	},
	"take mark": func(op Op, o *Object) {
		delete(o.Annotations, oneOf(op.Number, prefix+"target", prefix+"origin", prefix+"hash"))
	},
	"mark copy": func(_ Op, o *Object) {
		if _, copied := originOf(*o); copied {
			o.Annotations[prefix+"sync"] = "true"
		}
	},
}

func oneOf(n int, from ...string) string { return from[n%len(from)] }

// put marks an object. An object without one of the annotations is another case than one with it empty, except for sync.
func (s Source) put(o *Object) {
	o.Annotations[prefix+"sync"] = s.Sync
	delete(o.Annotations, kubed+"sync")
	switch s.Kubed {
	case "instead":
		delete(o.Annotations, prefix+"sync")
		o.Annotations[kubed+"sync"] = s.Sync
	case "too":
		o.Annotations[kubed+"sync"] = "team=nobody"
	}
	for key, value := range map[string]string{"sync-as": s.As, "sync-keys": s.Keys} {
		if value == "" {
			delete(o.Annotations, prefix+key)
		} else {
			o.Annotations[prefix+key] = value
		}
	}
}

func (u *Users) tryObject(ctx context.Context, op Op) error {
	switch op.Verb {
	case "create":
		return u.create(ctx, op.object())
	case "create source":
		o := op.object()
		op.Source.put(&o)
		o.Labels["tier"], o.Annotations["example.com/note"] = "gold", fmt.Sprint(op.Number)
		return u.create(ctx, o)
	case "create offered":
		o := op.object()
		o.Annotations[prefix+"adopt"], o.Labels[userLabel+fmt.Sprint(op.Number)], o.Labels["tier"] = "true", "mine", "own"
		return u.create(ctx, o)
	case "create hidden":
		o := op.object()
		o.Name, o.Type = hidden, "helm.sh/release.v1"
		op.Source.put(&o)
		delete(o.Annotations, prefix+"sync-as")
		return u.create(ctx, o)
	case "remove hidden":
		return u.remove(ctx, Place{Namespace: op.At.Namespace, Name: hidden})
	case "delete":
		return u.remove(ctx, op.At)
	case "recreate":
		return u.recreate(ctx, op.At, func(o *Object) {
			o.Content = op.object().Content
		})
	case "make way":
		return u.makeWay(ctx, op.Number)
	case "touch":
		return u.touch(ctx, op.At, fmt.Sprint(op.Number))
	case "spoil":
		how := [][2]string{
			{prefix + "sync", "team in (web"}, {prefix + "sync-as", "No Name"}, {prefix + "sync-keys", " , "}, {prefix + "sync-keys", "none"}, {kubed + "sync", "team in (web"},
		}[op.Number%5]
		return u.spoil(ctx, op.At, func(o *Object) {
			o.Annotations[how[0]] = how[1]
			if how[0] == kubed+"sync" {
				delete(o.Annotations, prefix+"sync") // which would count instead, until it is taken away
			}
		})
	case "clone":
		return u.clone(ctx, op)
	case "kubed copies":
		return u.kubedCopies(ctx, op)
	case "kubed overwrites":
		return u.kubedOverwrites(ctx, op.At)
	case "forge a copy":
		return u.forge(ctx, op, u.World.Cluster)
	case "forge another cluster's copy":
		return u.forge(ctx, op, "elsewhere")
	}
	return fmt.Errorf("no such verb: %s", op.Verb)
}

// object is one of nobody but the user.
func (o Op) object() Object {
	return Object{Place: o.At, Labels: map[string]string{}, Annotations: map[string]string{}, Content: Content{
		Type: o.Type, Immutable: o.Immutable,
		Data:   map[string]string{"tls.crt": fmt.Sprint("value ", o.Number), "tls.key": "key", "more": "1"},
		Binary: map[string]string{"blob": fmt.Sprint("\xfe", o.Number)},
	}}
}

// clone makes the object of one place again at another, marks and all. A source in disorder is left out: see spoil.
func (u *Users) clone(ctx context.Context, op Op) error {
	o, err := u.kind.Get(ctx, op.At)
	if err != nil {
		return err
	}
	if !u.World.open(op.Other) {
		return errNoNamespace
	}
	if r, source := u.World.rule(o); source && r.wrong {
		return moot("is in disorder")
	}
	o = o.clone()
	o.Place = op.Other
	return u.create(ctx, o)
}

// forge makes an object that is marked as a copy of another place's, as a restored backup is.
func (u *Users) forge(ctx context.Context, op Op, cluster string) error {
	o := op.object()
	text, err := json.Marshal(map[string]string{
		"namespace": op.Other.Namespace, "name": op.Other.Name, "uid": fmt.Sprint("forged-", op.Number), "resourceVersion": "1",
	})
	if err != nil {
		return err
	}
	o.Labels[prefix+"origin.cluster"] = cluster
	o.Annotations[prefix+"origin"] = string(text)
	o.Annotations[prefix+"target"] = op.At.String()
	return u.create(ctx, o)
}
