package wildcast

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/gobuild"
)

// built remembers, for each process, that the programs are those of the checkout as it was when they
// were first asked for.
var built struct {
	sync.Mutex
	folder string
}

// Build returns the folder that holds wildcast and wildcast-dns01, as this checkout's sources make them.
// A later call of the same process returns the same programs. Progress goes to log.
//
// They are built as go build does by default, so that what go test has compiled is not compiled again.
func Build(ctx context.Context, log io.Writer) (string, error) {
	built.Lock()
	defer built.Unlock()
	if built.folder != "" {
		return built.folder, nil
	}
	folder, err := build(ctx, log)
	if err != nil {
		return "", err
	}
	built.folder = folder
	return folder, nil
}

func build(ctx context.Context, log io.Writer) (string, error) {
	checkout, err := cluster.Checkout()
	if err != nil {
		return "", err
	}
	cache, err := cluster.CacheDir()
	if err != nil {
		return "", err
	}
	// Two checkouts must not replace each other's programs.
	folder := filepath.Join(cache, fmt.Sprintf("wildcast-%x", sha256.Sum256([]byte(checkout)))[:len("wildcast-")+16])
	program := gobuild.Build{Dir: checkout, Packages: []string{"./cmd/wildcast"}, Log: log, What: "wildcast"}
	if os.Getenv("WILDCAST_RACE") == "1" {
		folder, program.Flags = folder+"-race", []string{"-race"}
	}
	program.Out = folder
	unlock, err := gobuild.Lock(ctx, folder+".lock", log)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("make folder for programs: %w", err)
	}
	if err := program.Run(ctx); err != nil {
		return "", err
	}
	// Almost all of this one is DNS vendors' code, which takes minutes to compile once more for the
	// race detector.
	return folder, gobuild.Build{
		Dir: checkout, Packages: []string{"./cmd/wildcast-dns01"}, Out: folder, Log: log, What: "wildcast-dns01",
	}.Run(ctx)
}
