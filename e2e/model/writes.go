package model

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// This file has what users do to objects, be they sources, copies or their own.

func (u *Users) create(ctx context.Context, o Object) error {
	o.UID, o.ResourceVersion = "", ""
	made, err := u.kind.Create(ctx, o)
	if err == nil {
		u.note(nil, &made)
	}
	return err
}

// edit changes whatever is at a place, as an editor does: it reads it whole and puts it back whole.
func (u *Users) edit(ctx context.Context, at Place, change func(*Object)) error {
	for {
		before, err := u.kind.Get(ctx, at)
		if err != nil {
			return err
		}
		changed := before.clone()
		change(&changed)
		after, err := u.kind.Update(ctx, changed)
		if apierrors.IsConflict(err) {
			continue // wildcast was first
		}
		if err == nil && after.ResourceVersion != before.ResourceVersion {
			u.note(&before, &after)
		}
		return err
	}
}

func (u *Users) remove(ctx context.Context, at Place) error {
	before, err := u.kind.Get(ctx, at)
	if err != nil {
		return err
	}
	if err := u.kind.Delete(ctx, at); err != nil {
		return err
	}
	u.note(&before, nil)
	return nil
}

// recreate deletes an object and makes it again at once with a change, as kubectl replace --force does.
func (u *Users) recreate(ctx context.Context, at Place, change func(*Object)) error {
	o, err := u.kind.Get(ctx, at)
	if err != nil {
		return err
	}
	if err := u.remove(ctx, at); err != nil {
		return err
	}
	o = o.clone()
	change(&o)
	return u.create(ctx, o)
}

// touch writes a source in a way that does not matter to its copies: they must not be written.
func (u *Users) touch(ctx context.Context, at Place, value string) error {
	o, err := u.kind.Get(ctx, at)
	if err != nil {
		return err
	}
	if _, source := u.World.rule(o); !source {
		return moot("is no source")
	}
	calm := u.calm.clone()
	err = u.edit(ctx, at, func(o *Object) { o.Annotations[corev1.LastAppliedConfigAnnotation] = value })
	u.calm = calm
	return err
}

// change is edit, also where it brings a source into disorder.
func (u *Users) change(ctx context.Context, at Place, how func(*Object)) error {
	before, err := u.kind.Get(ctx, at)
	if err != nil {
		return err
	}
	after := before.clone()
	how(&after)
	was, _ := u.World.rule(before)
	is, _ := u.World.rule(u.kind.Kept(after))
	if is.wrong && !was.wrong {
		return u.spoil(ctx, at, how)
	}
	return u.edit(ctx, at, how)
}

// spoil brings a source into disorder. For that to mean something, its copies must be there.
func (u *Users) spoil(ctx context.Context, at Place, how func(*Object)) error {
	if err := u.Settle(ctx); err != nil {
		return err
	}
	source := u.World.Objects[at]
	if _, found := u.World.rule(source); !found {
		return moot("is no source")
	}
	if err := u.edit(ctx, at, how); err != nil {
		return err
	}
	objects, err := u.kind.List(ctx)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if from, _ := originOf(o); from.place() == at && u.World.ours(o) {
			u.World.Kept[o.Place] = o
		}
	}
	return nil
}

// makeWay removes one of the objects that stand where a copy belongs, in a cluster at rest. Nothing else but that then
// makes the copy appear.
func (u *Users) makeWay(ctx context.Context, number int) error {
	if err := u.Settle(ctx); err != nil {
		return err
	}
	var obstacles []Place
	for at := range u.World.winners() {
		if _, found := u.World.Objects[at]; found {
			obstacles = append(obstacles, at)
		}
	}
	if obstacles == nil {
		return moot("nothing is in the way")
	}
	slices.SortFunc(obstacles, func(a, b Place) int { return strings.Compare(a.String(), b.String()) })
	if err := u.remove(ctx, obstacles[number%len(obstacles)]); err != nil {
		return err
	}
	return u.Settle(ctx)
}
