package monitoring

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/api"
	prometheus "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/child"
	"github.com/wildcast/wildcast/e2e/internal/gobuild"
	"github.com/wildcast/wildcast/e2e/internal/ports"
)

// Build returns the folder that holds prometheus and promtool, after building them if it must.
func Build(ctx context.Context, log io.Writer) (string, error) {
	return cluster.BuildTools(ctx, gobuild.Programs{
		Name: "prometheus", Log: log,
		Packages: []string{"github.com/prometheus/prometheus/cmd/prometheus", "github.com/prometheus/prometheus/cmd/promtool"},
		What:     "Prometheus, once: about 3 minutes on 2 cores",
		// Of all ways to find targets, a list is enough.
		Flags: func() ([]string, error) { return []string{"-trimpath", "-ldflags=-s -w", "-tags=remove_all_sd"}, nil },
	})
}

// Prometheus is a running server that has loaded rules and scrapes one program.
type Prometheus struct {
	prometheus.API
	child *child.Child
	ports ports.Holder
}

const config = `
global: {scrape_interval: 500ms, scrape_timeout: 400ms, evaluation_interval: 500ms}
rule_files: [%q]
scrape_configs:
  - job_name: wildcast
    honor_labels: true
    static_configs: [{targets: [%q]}]
`

// Start runs Prometheus with its files in a folder. It scrapes target, host:port, as the ServiceMonitor says, and
// evaluates the rules in a file.
func Start(ctx context.Context, dir, target, rules string) (*Prometheus, error) {
	programs, err := Build(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "prometheus.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, rules, target), 0o600); err != nil {
		return nil, fmt.Errorf("configure prometheus: %w", err)
	}
	p := &Prometheus{}
	taken, err := p.ports.Take(1)
	if err != nil {
		return nil, err
	}
	at := "127.0.0.1:" + strconv.Itoa(taken[0])
	p.child, err = child.Start(child.Spec{
		Path: filepath.Join(programs, "prometheus"),
		Args: []string{"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + at},
		Dir:  dir,
		Log:  filepath.Join(dir, "prometheus.log"),
	})
	if err != nil {
		return nil, err
	}
	client, err := api.NewClient(api.Config{Address: "http://" + at})
	if err != nil {
		return nil, err
	}
	p.API = prometheus.NewAPI(client)
	return p, p.child.Ready(ctx, "http://"+at+"/-/ready")
}

// Ask evaluates a query now.
func (p *Prometheus) Ask(ctx context.Context, query string) (model.Vector, error) {
	value, warnings, _, err := p.Query(ctx, query, time.Now())
	if err != nil {
		return nil, fmt.Errorf("ask prometheus %q: %w", query, err)
	}
	if len(warnings) > 0 {
		return nil, fmt.Errorf("ask prometheus %q: it warns of %q", query, warnings)
	}
	switch value := value.(type) {
	case model.Vector:
		return value, nil
	case *model.Scalar:
		return model.Vector{{Value: value.Value, Timestamp: value.Timestamp}}, nil
	default:
		return nil, fmt.Errorf("ask prometheus %q: it answers with a %s", query, value.Type())
	}
}

// Stop ends the server.
func (p *Prometheus) Stop() {
	p.child.Kill()
	p.ports.Release()
}

// Promtool runs promtool and returns what it prints.
func Promtool(ctx context.Context, args ...string) (string, error) {
	programs, err := Build(ctx, os.Stderr)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(programs, "promtool"), args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("promtool %q: %w: %s", args, err, out)
	}
	return string(out), nil
}
