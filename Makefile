# wildcast: everything a developer does. "make help" lists it.

SHELL        := /bin/bash
VERSION      ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS      := -s -w -X main.version=$(VERSION)
# Tests of the controller's caches fail when somebody changes a cached object.
export KUBE_CACHE_MUTATION_DETECTOR := true

.DEFAULT_GOAL := help
.PHONY: help build demo test unit e2e lint bench fmt

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

build: ## Build bin/wildcast and bin/wildcast-dns01
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o bin/ ./cmd/...

demo: ## Run the story on a real control plane; stays up until Ctrl-C, or DEMO_EXIT=1
	@echo "compiling the demo (the first time a minute or two)"
	@go -C e2e build -o ../bin/demo ./demo && exec bin/demo

test: unit e2e ## All tests

unit: ## Unit tests with the race detector
	go test -race -timeout 20m $$(go list ./... | grep -v /wildcast-dns01)
	go test ./cmd/wildcast-dns01 # without the race detector: 190 vendors' code would be compiled once more for it

e2e: ## Suites on a real control plane, CA and DNS (builds Kubernetes the first time: some minutes)
	go -C e2e run ./programs
	go -C e2e test -count=1 -timeout 40m -p 2 ./... # never from go's cache: it knows nothing of the program under test

lint: ## gofmt, go vet and staticcheck over both modules
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "gofmt -w $$unformatted"; exit 1; fi
	go vet ./...
	go -C e2e vet ./...
	go tool staticcheck ./...
	staticcheck=$$(go tool -n staticcheck) && cd e2e && "$$staticcheck" ./...

bench: export KUBE_CACHE_MUTATION_DETECTOR := false
bench: ## Measure against the budgets; a line per figure
	go -C e2e run ./bench

fmt: ## Format
	gofmt -w $$(git ls-files '*.go')
