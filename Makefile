# Everything that is done to ddsctl, by people and by CI alike. `make help` lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := bin/ddsctl
LAB ?= sharded-redis

# How many packages are tested at a time. Tests that start containers wait more than they compute, but two cores carry no more.
TEST_PACKAGES ?= 2
TEST_TIMEOUT ?= 45m
TEST_FLAGS ?=

# The commit goes into the binary where git can tell it (not in an archive, nor in somebody else's checkout).
VCS := $(shell git rev-parse --verify --quiet HEAD >/dev/null 2>&1 && echo true || echo false)

export CGO_ENABLED ?= 0

##@ Start here

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo

.PHONY: setup
setup: ## make this machine ready: packages and Docker on Debian and Ubuntu as root, words elsewhere
	@.ci/setup

.PHONY: build
build: ## build the static binary bin/ddsctl
	go build -trimpath -buildvcs=$(VCS) -ldflags="-s -w" -o $(BIN) ./cmd/ddsctl

.PHONY: lab
lab: setup build ## start the first lab and read its state (LAB=... for another)
	$(BIN) lab up $(LAB)
	$(BIN) lab status $(LAB)

# The labs that `make test` uses as a learner does: guide, scenario, exercises. `make labs-test` uses all of them.
TEST_LABS ?= topz

.PHONY: test
test: setup build ## run every test, those that need Docker included
	DDSCTL_LABS="$(TEST_LABS)" go test -p $(TEST_PACKAGES) -timeout $(TEST_TIMEOUT) $(TEST_FLAGS) ./...

.PHONY: labs-test
labs-test: setup build ## use every lab as a learner does: guide, scenario, exercises (CH=2,3,4 for some chapters)
	DDSCTL_CHAPTERS="$(CH)" go test ./cmd/ddsctl -run '^TestLabs$$' -count=1 -timeout 120m -parallel 100 -v

.PHONY: test-fast
test-fast: ## run the tests that need no container engine
	go test -short $(TEST_FLAGS) ./...

.PHONY: race
race: ## run the tests that need no container engine under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -short -timeout $(TEST_TIMEOUT) $(TEST_FLAGS) ./...

##@ Care

.PHONY: lint
lint: ## golangci-lint (it holds the floors, too) and shellcheck
	"$$(.ci/tool golangci-lint)" run
	shellcheck -x $(wildcard .ci/*) $(wildcard bench/*.sh)

.PHONY: fmt
fmt: ## format the code
	gofmt -s -w .

.PHONY: fmt-check
fmt-check: ## fail when make fmt would change something
	@unformatted=$$(gofmt -s -l .); \
	if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi

.PHONY: vet
vet: ## go vet
	go vet ./...

.PHONY: vuln
vuln: ## look for known vulnerabilities, where their database can be reached
	@.ci/vuln

.PHONY: generate
generate: ## write what is generated: schema, tables, references
	go generate ./...

.PHONY: tidy
tidy: ## go mod tidy
	go mod tidy

.PHONY: bench
bench: build ## time ddsctl against its peers, and the benchmarks of the packages
	go test -run '^$$' -bench . -benchmem $$(git grep -l '^func Benchmark' -- '*_test.go' | xargs -n 1 dirname | sort -u | sed 's,^,./,')
	for script in $$(grep -l '^#!' bench/*.sh); do "$$script"; done

.PHONY: clean
clean: ## remove what make made in this folder
	rm -rf bin dist coverage.out
