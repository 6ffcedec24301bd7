// Command programs builds what the suites, the demo and the benchmarks run, so that a later go test is
// not the one that spends the minutes: the Kubernetes control plane, an Ingress controller, Prometheus, Helm, Vault, cert-manager, and wildcast
// itself. What is not built but installed, BIND, Chromium, nginx and HAProxy, it installs where it may, and says else what to
// do. It prints the folders that hold them.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/wildcast/wildcast/e2e/bind"
	"github.com/wildcast/wildcast/e2e/chart"
	"github.com/wildcast/wildcast/e2e/chromium"
	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/convert"
	"github.com/wildcast/wildcast/e2e/edge"
	"github.com/wildcast/wildcast/e2e/monitoring"
	"github.com/wildcast/wildcast/e2e/pki"
	"github.com/wildcast/wildcast/e2e/sidecar"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for _, build := range []func(context.Context, io.Writer) (string, error){
		bind.Install, chromium.Install, sidecar.Install, cluster.Build, edge.Build, monitoring.Build, chart.Build, chart.Build3, pki.Build,
		convert.Build, wildcast.Build,
	} {
		folder, err := build(ctx, os.Stderr)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(folder)
	}
}
