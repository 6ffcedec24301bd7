package sidecar

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"
)

// Names in the folder of all Secrets.
const (
	reloadMark = "..reload" // there while a reload is due
	stagedView = "..staged" // looks as the folder would with the versions that are staged
)

// change is a Secret whose files in service are not those that should be.
type change struct {
	*kept
	files   map[string][]byte
	version string // that was staged
}

// apply puts changes in service: together if that passes the checks, and else each that does by itself, so that one does not
// stand in another's way. Those that do not pass are as they were.
func (k *Keeper) apply(ctx context.Context, changes []change) error {
	err := k.try(ctx, changes)
	if err == nil || len(changes) == 1 {
		return err
	}
	var errs []error
	for i := range changes {
		if ctx.Err() != nil {
			break
		}
		errs = append(errs, k.try(ctx, changes[i:i+1]))
	}
	return errors.Join(errs...)
}

// try puts changes in service, all or none.
func (k *Keeper) try(ctx context.Context, changes []change) (err error) {
	defer func() { err = errors.Join(err, prune(changes)) }()
	for i, c := range changes {
		if changes[i].version, err = c.folder.stage(c.files); err != nil {
			return fmt.Errorf("write files of secret %s: %w", c.Name, err)
		}
	}
	if err := k.checkStaged(ctx, changes); err != nil {
		return err
	}
	err = errors.Join(k.swap(changes), k.check(ctx))
	if err == nil {
		err = k.mark()
	}
	if err != nil {
		return errors.Join(err, restore(changes))
	}
	return k.accept(changes)
}

// swap puts what was staged in service, on trial.
func (k *Keeper) swap(changes []change) error {
	for _, c := range changes {
		if err := c.folder.swap(c.version); err != nil {
			return fmt.Errorf("put files of secret %s in service: %w", c.Name, err)
		}
	}
	return nil
}

func (k *Keeper) accept(changes []change) error {
	var errs []error
	for _, c := range changes {
		if err := c.folder.accept(); err != nil {
			errs = append(errs, fmt.Errorf("accept files of secret %s: %w", c.Name, err))
			continue
		}
		c.accepted = true
		k.log.Info("Put files in service", append(c.fields(), zap.Strings("files", names(c.files)))...)
	}
	return errors.Join(errs...)
}

func restore(changes []change) error {
	var errs []error
	for _, c := range changes {
		if err := c.folder.restore(); err != nil {
			errs = append(errs, fmt.Errorf("put old files of secret %s back: %w", c.Name, err))
		}
	}
	return errors.Join(errs...)
}

// prune removes the versions that are not in service. One whose trial could not be ended stays until recover ends it.
func prune(changes []change) error {
	var errs []error
	for _, c := range changes {
		if on, err := c.folder.target(previousLink); err != nil || on != "" {
			continue
		}
		if err := c.folder.prune(); err != nil {
			errs = append(errs, fmt.Errorf("remove old files of secret %s: %w", c.Name, err))
		}
	}
	return errors.Join(errs...)
}

// recover ends a trial that a killed process, or a full disk, has left open: with a check, by the old files.
func (k *Keeper) recover(kept *kept) error {
	on, err := kept.folder.target(previousLink)
	switch {
	case err != nil:
		return err
	case on != "" && k.cfg.Check != "":
		k.log.Warn("Put old files back, since new ones had not been checked", kept.fields()...)
		err = kept.folder.restore()
	case on != "":
		err = errors.Join(k.mark(), kept.folder.accept())
	}
	if err != nil {
		return err
	}
	return kept.folder.prune()
}

// checkStaged runs the check that sees the new files in a folder of their own.
func (k *Keeper) checkStaged(ctx context.Context, changes []change) error {
	if k.cfg.CheckStaged == "" {
		return nil
	}
	view := filepath.Join(k.cfg.Folder, stagedView)
	if err := k.view(view, changes); err != nil {
		return fmt.Errorf("show new files to --check-staged: %w", err)
	}
	return errors.Join(k.run(ctx, "--check-staged", k.cfg.CheckStaged, view), os.RemoveAll(view))
}

// view makes a folder in which each Secret's name leads to its new files, or else to those in service.
func (k *Keeper) view(path string, changes []change) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := makeFolder(path, k.cfg.Mode); err != nil {
		return err
	}
	shown := map[string]string{}
	for _, kept := range k.kept {
		shown[kept.Folder] = dataLink
	}
	for _, c := range changes {
		shown[c.Folder] = c.version
	}
	for name, version := range shown {
		if err := os.Symlink(filepath.Join("..", name, version), filepath.Join(path, name)); err != nil {
			return err
		}
	}
	return nil
}

// check runs the check that sees the new files where they will be.
func (k *Keeper) check(ctx context.Context) error {
	if k.cfg.Check == "" {
		return nil
	}
	return k.run(ctx, "--check", k.cfg.Check, k.cfg.Folder)
}

// mark remembers that a reload is due.
func (k *Keeper) mark() error {
	if k.reloads == nil {
		return nil
	}
	err := writeFile(filepath.Join(k.cfg.Folder, reloadMark), nil, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return errors.Join(err, syncFolder(k.cfg.Folder))
}

// due reports whether a reload is.
func (k *Keeper) due() bool {
	_, err := os.Stat(filepath.Join(k.cfg.Folder, reloadMark))
	return k.reloads != nil && err == nil
}

// reload has the process read its files if there are new ones. The mark goes only afterwards.
func (k *Keeper) reload(ctx context.Context) error {
	if !k.due() {
		return nil
	}
	if err := k.reloads(ctx); err != nil {
		return err
	}
	k.log.Info("Reloaded")
	return os.Remove(filepath.Join(k.cfg.Folder, reloadMark))
}
