package sidecar

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/controllers/loop"
)

// Secret is one to keep as files.
type Secret struct {
	Name   types.NamespacedName
	Folder string // in the folder of all
}

// Config says what to keep, and how. Fields are required unless they say otherwise.
type Config struct {
	Kube     kubernetes.Interface
	Log      *zap.Logger
	Folder   string
	Secrets  []Secret    // with different folders
	Mode     fs.FileMode // of files
	Combined string      // name of one more file, with the chain and key of a certificate; optional

	CheckStaged string // command that may refuse new files before they are in service; optional
	Check       string // command that may refuse them when they are, on trial; optional

	Reload  string         // command that has a process read new files; optional
	Signal  syscall.Signal // does so too; optional
	PIDFile string         // of the process that gets Signal

	Once bool // Run returns when all is done once
}

// Keeper keeps Secrets as files.
//
// One goroutine does all: [Keeper.Run]'s loop, which looks at all Secrets and their folders when it starts and whenever one
// of them has changed, and reloads when the files have. A Secret that cannot be used, or is gone, leaves its files as they
// are, and delays no other.
type Keeper struct {
	cfg     Config
	log     *zap.Logger
	kept    []*kept
	loop    *loop.Loop[task]
	reloads func(context.Context) error // nil: nothing does
	ready   atomic.Bool
	finish  context.CancelFunc
}

// task is what the loop looks at.
type task string

const (
	taskFiles  task = "files"
	taskReload task = "reload"
)

// New returns a Keeper. It makes no request and touches no file.
func New(cfg Config) (*Keeper, error) {
	k := &Keeper{cfg: cfg, log: cfg.Log}
	for _, secret := range cfg.Secrets {
		kept := &kept{Secret: secret, folder: folder{path: filepath.Join(cfg.Folder, secret.Folder), mode: cfg.Mode}}
		if err := kept.watch(cfg.Kube, k.log, func() { k.loop.Add(taskFiles) }); err != nil {
			return nil, err
		}
		k.kept = append(k.kept, kept)
	}
	switch {
	case cfg.Reload != "":
		k.reloads = func(ctx context.Context) error { return k.run(ctx, "--reload", cfg.Reload, cfg.Folder) }
	case cfg.Signal != 0:
		k.reloads = func(context.Context) error { return send(cfg.Signal, cfg.PIDFile) }
	}
	k.loop = loop.New("sidecar", k.look, loop.Options{Log: k.log, Backoff: backoff})
	return k, nil
}

// backoff is how long to wait after a check or a reload that failed.
func backoff(failures int) time.Duration { return min(loop.Backoff(failures), time.Minute) }

// Ready reports whether there are files of all Secrets in service.
func (k *Keeper) Ready() bool { return k.ready.Load() }

// Run keeps the files until ctx ends, or all is done with Once, and returns when what was begun has ended. The error says
// that ctx ended before Once was done.
func (k *Keeper) Run(ctx context.Context) error {
	ctx, k.finish = context.WithCancel(ctx)
	defer k.finish()
	var watching sync.WaitGroup
	defer watching.Wait()
	for _, kept := range k.kept {
		watching.Go(func() { kept.follow(ctx, k.log, func() { k.loop.Add(taskFiles) }) })
	}
	if err := os.RemoveAll(filepath.Join(k.cfg.Folder, stagedView)); err != nil {
		return fmt.Errorf("remove what an earlier run has left: %w", err)
	}
	k.loop.Add(taskFiles) // which finds out whether a reload is due
	if err := k.loop.Run(ctx, 1); err != nil {
		return err
	}
	if k.cfg.Once && !k.complete() {
		return errors.New("stopped before the files of all secrets were in service")
	}
	return nil
}

// look is the loop's function.
func (k *Keeper) look(ctx context.Context, what task) (time.Duration, error) {
	var err error
	if what == taskReload {
		err = k.reload(ctx)
	} else {
		err = k.files(ctx)
	}
	if err == nil && k.cfg.Once && k.complete() {
		k.finish()
	}
	return 0, err
}

// files brings the folders to what the Secrets are.
func (k *Keeper) files(ctx context.Context) error {
	var changes []change
	var errs []error
	for _, kept := range k.kept {
		files, err := k.changed(kept)
		if err != nil {
			errs = append(errs, fmt.Errorf("look at files of secret %s: %w", kept.Name, err))
		} else if files != nil {
			changes = append(changes, change{kept: kept, files: files})
		}
	}
	if len(changes) > 0 {
		errs = append(errs, k.apply(ctx, changes))
	}
	if k.due() {
		k.loop.Add(taskReload)
	}
	k.ready.Store(!slices.ContainsFunc(k.kept, func(kept *kept) bool { return !kept.folder.serving() }))
	return errors.Join(errs...)
}

// changed returns the files that a Secret should have in service, nil if it has them, or if they are to stay.
func (k *Keeper) changed(kept *kept) (map[string][]byte, error) {
	kept.accepted = false
	if err := k.recover(kept); err != nil {
		return nil, err
	}
	files := kept.wanted(k.cfg.Combined, k.log)
	if files == nil {
		return nil, nil
	}
	same, err := kept.folder.holds(files)
	kept.accepted = same
	if err != nil || same {
		return nil, err
	}
	return files, nil
}

// complete reports whether the files of all Secrets, as they are now, are in service and read.
func (k *Keeper) complete() bool {
	return !k.due() && !slices.ContainsFunc(k.kept, func(kept *kept) bool { return !kept.accepted })
}

func names(files map[string][]byte) []string { return slices.Sorted(maps.Keys(files)) }
