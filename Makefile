# What people type. Everything is a `coxswain` command underneath; `make help` lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help
COXSWAIN := node controller/dist/main.js
export INGRESS_PORT INGRESS_HOST COXSWAIN_HOME COXSWAIN_INSTANCE COXSWAIN_MANIFESTS LOG_LEVEL

INSTALLED := node_modules/.package-lock.json
BUILT := controller/dist/.built
SOURCES := $(shell find controller/src acts-service/src acts-service/migrations acts-service/seed -name '*.ts') tsconfig.json controller/tsconfig.build.json acts-service/tsconfig.build.json
WEB_BUILT := acts-service/web/dist/index.html
WEB_SOURCES := $(shell find acts-service/web -name dist -prune -o -name test -prune -o -type f -print)

.PHONY: help
help: ## list the targets
	@echo 'Coxswain: what Kubernetes gives a cluster, for one Docker host.'
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | awk -F'\t' '{ printf "  make %-18s %s\n", $$1, $$2 }'
	@echo
	@echo 'Example: make up && make scale NAME=acts REPLICAS=3 && make status'
	@echo 'Each is also a command with --help: $(COXSWAIN) --help'

.PHONY: node
node:
	@command -v node >/dev/null 2>&1 || { echo 'Node.js is not installed: install Node >= 20.19 and npm, then run make again.' >&2; exit 1; }
	@node -e 'const [a,b]=process.versions.node.split(".").map(Number); if (a<20||(a===20&&b<19)) { console.error("Node "+process.versions.node+" is too old: Coxswain needs >= 20.19."); process.exit(1) }'

$(INSTALLED): package-lock.json package.json controller/package.json acts-service/package.json | node
	@echo 'npm: installing the dependencies'
	@npm ci --no-fund --no-audit --loglevel=error
	@touch $@

$(WEB_BUILT): $(INSTALLED) $(WEB_SOURCES)
	@echo 'build: bundling the web app'
	@npm run --silent build:web -w acts-service

$(BUILT): $(INSTALLED) $(SOURCES) $(WEB_BUILT)
	@echo 'build: compiling TypeScript'
	@npx --no-install tsc -p controller/tsconfig.build.json
	@npx --no-install tsc -p acts-service/tsconfig.build.json
	@touch $@

.PHONY: build
build: $(BUILT) ## install the dependencies and compile

.PHONY: up down purge status plan scale logs events crash reset-autoscaler
up: $(BUILT) ## set everything up and start it; prints the addresses (INGRESS_PORT=80)
	@$(COXSWAIN) up
down: $(BUILT) ## stop, and remove what this instance owns; data is kept
	@$(COXSWAIN) down
purge: $(BUILT) ## like down, and remove the data too
	@$(COXSWAIN) purge
status: $(BUILT) ## what runs, where, and what is not fine
	@$(COXSWAIN) status
plan: $(BUILT) ## dry run: what the control loop would do now, and why
	@$(COXSWAIN) plan
scale: $(BUILT) ## make scale NAME=acts REPLICAS=3
	@test -n "$(NAME)" && test -n "$(REPLICAS)" || { echo 'usage: make scale NAME=acts REPLICAS=3' >&2; exit 2; }
	@$(COXSWAIN) scale "$(NAME)" --replicas "$(REPLICAS)"
logs: $(BUILT) ## make logs NAME=acts
	@test -n "$(NAME)" || { echo 'usage: make logs NAME=acts' >&2; exit 2; }
	@$(COXSWAIN) logs "$(NAME)"
events: $(BUILT) ## what happened, and why
	@$(COXSWAIN) events
crash: $(BUILT) ## crash one Acts replica and watch it being replaced (NAME=acts)
	@$(COXSWAIN) crash $(NAME)
reset-autoscaler: $(BUILT) ## disarm the autoscaler: the next counted request starts its clock (NAME=acts)
	@$(COXSWAIN) reset-autoscaler $(NAME)

.PHONY: seed
seed: $(BUILT) ## fill a demo with generated pictures through the ingress (ACTS=1000)
	@node acts-service/dist/seed/main.js --acts "$(or $(ACTS),1000)" --url "http://127.0.0.1:$(or $(INGRESS_PORT),80)"

.PHONY: sim
sim: $(INSTALLED) ## simulated faults (SEEDS=200, FIRST=1, SEED_SECONDS=60); SEED=42 replays one with its whole trace
	@npx --no-install tsx controller/test/simulation/run-seeds.ts $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FIRST),--first $(FIRST)) $(if $(SEED_SECONDS),--seconds $(SEED_SECONDS))

.PHONY: test check nightly chaos
test: $(BUILT) ## run every test; the last line counts them
	@node controller/test/run-tests.mjs
nightly: $(BUILT) ## the long runs: 10,000 simulated seeds (SIM_SEEDS, SIM_FIRST), 100,000 hostile requests (FUZZ_RUNS, FUZZ_SEED), every fault of make chaos
	@npx --no-install tsx controller/test/simulation/run-seeds.ts --seeds "$(or $(SIM_SEEDS),10000)" --first "$(or $(SIM_FIRST),1)"
	@FUZZ_RUNS="$(or $(FUZZ_RUNS),100000)" npx --no-install mocha acts-service/test/hostile-requests.test.ts
	@npx --no-install tsx controller/test/chaos/chaos.ts
chaos: $(BUILT) ## break everything on purpose, and write docs/RELIABILITY.md (ONLY=name)
	@npx --no-install tsx controller/test/chaos/chaos.ts "$(ONLY)"
check: $(BUILT) ## types, lint, boundaries, formatting, schema drift, unused code
	@npm run --silent check:types
	@npm run --silent check:lint
	@npm run --silent check:format
	@npx --no-install tsx controller/test/manifest/schema-drift.ts
	@npm run --silent check:unused

.PHONY: bench
bench: $(BUILT) ## measure against peers (ONLY=listing, votes, count, ranges, memory, web, heal, scale, rollout, rest, many or reconcile)
	@npx --no-install tsx acts-service/bench/bench.ts $(ONLY)
	@npx --no-install tsc -p controller/tsconfig.bench.json
	@node node_modules/.cache/coxswain-bench/bench/bench.js $(ONLY)
