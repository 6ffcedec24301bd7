package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/gobuild"
)

const mib = 1 << 20

// measureSize weighs wildcast as make build makes it.
func measureSize(ctx context.Context, w *world) error {
	checkout, err := cluster.Checkout()
	if err != nil {
		return err
	}
	build := gobuild.Build{
		Dir: checkout, Packages: []string{"./cmd/wildcast"}, Flags: []string{"-trimpath", "-ldflags=-s -w"}, Env: []string{"CGO_ENABLED=0"},
		Out: w.cluster.Dir(), Log: w.log, What: "wildcast without symbols",
	}
	if err := build.Run(ctx); err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(w.cluster.Dir(), "wildcast"))
	if err != nil {
		return err
	}
	w.report.atMost(60, "MiB", "size-of-wildcast", float64(info.Size())/mib)
	return nil
}
