package model

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// This file has what kubed does, as one of the users: it is not wildcast's doing.

// kubedCopies makes at a place what kubed makes there of the object of that name in another namespace: as it is, or as it
// was. If there is none any more, an orphan.
func (u *Users) kubedCopies(ctx context.Context, op Op) error {
	o := op.object()
	source := o
	source.Place = Place{Namespace: op.Other.Namespace, Name: op.At.Name}
	source.UID, source.ResourceVersion = fmt.Sprint("forged-", op.Number), "1"
	there, err := u.kind.Get(ctx, source.Place)
	if err == nil {
		source = there
	} else if !apierrors.IsNotFound(err) {
		return err
	}
	if err := dressByKubed(&o, source); err != nil {
		return err
	}
	if op.Number%2 == 0 {
		o.Content = source.Content
	}
	return u.create(ctx, o)
}

// kubedOverwrites is what kubed that still runs does to a copy when the source has changed.
func (u *Users) kubedOverwrites(ctx context.Context, at Place) error {
	o, err := u.kind.Get(ctx, at)
	if err != nil {
		return err
	}
	from, copied := originOf(o)
	if !copied || from.Name != at.Name {
		return moot("is no copy that kubed would make")
	}
	source, err := u.kind.Get(ctx, from.place())
	if err != nil {
		return err
	}
	var wrong error
	err = u.edit(ctx, at, func(o *Object) { wrong = dressByKubed(o, source) })
	return errors.Join(err, wrong)
}

// dressByKubed gives an object the labels and annotations that kubed gives a copy of source, and no others.
func dressByKubed(o *Object, source Object) error {
	text, err := json.Marshal(struct {
		Namespace       string `json:"namespace"`
		Name            string `json:"name"`
		UID             string `json:"uid"`
		ResourceVersion string `json:"resourceVersion"`
	}{source.Namespace, source.Name, source.UID, source.ResourceVersion})
	if err != nil {
		return err
	}
	source = source.clone()
	o.Labels, o.Annotations = source.Labels, source.Annotations
	delete(o.Annotations, kubed+"sync")
	o.Annotations[kubed+"origin"] = string(text)
	if len(source.Name) <= 63 { // kubed fails to copy others
		maps.Copy(o.Labels, map[string]string{
			kubed + "origin.cluster": "unicorn", kubed + "origin.namespace": source.Namespace, kubed + "origin.name": source.Name,
		})
	}
	return nil
}
