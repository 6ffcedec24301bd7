package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// listens reports whether an address is one; "0" and "" are none.
func listens(address string) bool { return address != "" && address != "0" }

// serve listens on address and answers with handler until stop is called. Without an address nothing listens.
func serve(name, address string, handler http.Handler, log *zap.Logger) (stop func(), err error) {
	if !listens(address) {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for --%s-address: %w; give another address, or 0 for none", name, err)
	}
	server := newServer(handler)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("Stopped serving", zap.String("server", name), zap.Error(err))
		}
	}()
	log.Info("Serving", zap.String("server", name), zap.String("address", listener.Addr().String()))
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			server.Close()
		}
		<-done
	}, nil
}

// newServer makes a server that leaves nobody a connection for longer than it takes. The longest answer is that of the status
// page, which has 20 s to find out what it shows.
func newServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute}
}

// healthHandler answers /healthz while the process lives and /readyz once ready says so.
func healthHandler(ready func() bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready() {
			http.Error(w, "not ready yet", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}
