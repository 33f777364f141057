# `make help` lists what can be made.  Everything sets up what it needs by itself, and does that
# quickly where it was done before.

PYTHON ?= python3
PORT ?= 8080
# Given to pytest: make test ARGS="-k sign_in"
ARGS ?=
# How many processes test beside each other: many tests wait for servers.  0 is one after the other.
BESIDE ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 8 ? n + 1 : 8)))

# Debian's packages for the tests and for the measurements: the one place that lists them.
TEST_PACKAGES := chromium chromium-driver haproxy ldap-utils mariadb-server nginx pgbouncer php-cli postgresql puma \
  redis-sentinel redis-server ruby-jwt ruby-webrick slapd systemd
BENCH_PACKAGES := nginx wrk
PROVIDER_PACKAGES := default-jre-headless maven unzip
# How many requests each server behind the gateway gets, by `make readers`; SEED says which.
CASES ?= 20000
# What is measured, and for how long.
BENCH ?= run latency verify flood passwords workers bodies tunnels start
MINUTES ?= 10
# Which image, by `make image`: slim or distroless.
TARGET ?= slim
# What the parsers are held to llhttp with, by `make fuzz`: how many messages, and which.
MESSAGES ?= 1000000
SEED := $(or $(SEED),$(shell date +%s))

export PYTHON
BIN := .venv/bin
PYTEST_BESIDE := --numprocesses $(BESIDE) --dist worksteal
COMPILED := build/compiled
# The packages whose code runs compiled, and what drives it over real sockets.  Not test_memory.py: it
# tells allocations apart by the source file of their frame, and compiled code has no frames.
COMPILED_TESTS := test_compiled.py test_responses.py \
  accounts authn authz credentials dataplane e2e endpoints forward limits message mutate pipeline readers record \
  routing sealing server sessions
.DEFAULT_GOAL := help
.PHONY: help setup setup-run demo test explained test-apps test-providers test-more test-deploy fuzz readers check docs languages site screenshots audit compile test-compiled bench soak lock dist deb test-dist image-size image clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 15

setup: ## set up all that the tests and checks need
	@scripts/setup-python dev
	@scripts/setup-node
	@scripts/setup-go
	@scripts/setup-debian $(TEST_PACKAGES) $$($(BIN)/python scripts/extension_modules.py)

setup-run:
	@scripts/setup-python runtime

demo: setup-run ## run the gateway, a provider and an app to click through (PORT=8080, ARGS=--standalone for no provider)
	@$(BIN)/gatepost demo --port $(PORT) $(ARGS)

test: setup ## run all tests (ARGS="-k name" for some, BESIDE=0 one after the other)
	@echo "· running the tests"
	@$(BIN)/python -m pytest $(PYTEST_BESIDE) $(ARGS)

fuzz: setup ## hold the parsers to llhttp with a million messages that no test has made (MESSAGES, SEED)
	@echo "· SEED=$(SEED) makes the same messages again"
	@FUZZ_MESSAGES=$(MESSAGES) FUZZ_SEED=$(SEED) $(BIN)/python -m pytest -k bitten tests/message $(ARGS)

readers: setup ## put the gateway in front of servers that read for themselves (CASES, SEED)
	@echo "· SEED=$(SEED) makes the same requests again"
	@READERS_CASES=$(CASES) FUZZ_MESSAGES=$(MESSAGES) FUZZ_SEED=$(SEED) $(BIN)/python -m pytest \
	  $(PYTEST_BESIDE) tests/readers $(ARGS)

explained: setup ## hold explain, shadows and the review of an audit log to the gateway, for 10,000 requests (ARGS, BESIDE)
	@EXPLAINED_AGAIN=1 $(BIN)/python -m pytest $(PYTEST_BESIDE) tests/cli/test_explain_agrees.py $(ARGS)

test-apps: setup ## put real apps behind the gateway: Miniflux, JupyterLab, Buildbot … (ARGS, BESIDE)
	@scripts/setup-apps
	@ALL_APPS=1 $(BIN)/python -m pytest --numprocesses $(BESIDE) --dist loadgroup tests/apps $(ARGS)

test-providers: setup ## sign in at real providers: Keycloak, Hydra, Canaille …; writes docs/providers/matrix.md (ARGS, BESIDE)
	@scripts/setup-debian $(PROVIDER_PACKAGES)
	@scripts/setup-providers
	@TEST_PROVIDERS=1 $(BIN)/python -m pytest --numprocesses $(BESIDE) --dist loadgroup tests/providers $(ARGS); \
	  status=$$?; $(BIN)/python -m tests.providers.matrix && exit $$status

test-more: setup ## test what takes too long for every run: Traefik, NGINX Gateway Fabric, changes of a Redis Cluster (ARGS, BESIDE)
	@TEST_MORE=1 $(BIN)/python -m pytest $(PYTEST_BESIDE) tests/proxies tests/storage $(ARGS)

test-deploy: ## hold the examples and the chart to Compose, kustomize, Helm, kubeconform and promtool (ARGS)
	@scripts/setup-python dev
	@scripts/setup-deploy
	@TEST_DEPLOY=1 $(BIN)/python -m pytest tests/deploy $(ARGS)

# Compiled from source: its packages elsewhere download a binary from a host that not everyone reaches.
build/bin/actionlint:
	@echo "· compiling actionlint"
	@GOBIN=$(CURDIR)/build/bin go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

check: build/bin/actionlint ## format, lint, types, layers, written pages, shell scripts, Dockerfile, workflows
	@scripts/setup-python dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check . scripts/sbom scripts/distroless
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/settings_reference.py --check
	$(BIN)/python scripts/commands_reference.py --check
	$(BIN)/shellcheck .ci/run examples/compose/make-secrets examples/compose/databases.sh $$(grep -l "env bash" scripts/*) packaging/deb/p*
	$(BIN)/hadolint Dockerfile
	PATH="$(CURDIR)/$(BIN):$$PATH" build/bin/actionlint

docs: ## write the pages that are made from the code: the table of settings, the commands, the reasons
	@scripts/setup-python dev
	$(BIN)/python scripts/settings_reference.py
	$(BIN)/python scripts/commands_reference.py
	$(BIN)/python -c "from gateway.pages.reasons import reasons_document as page; print(page(), end='')" > docs/reasons.md

languages: ## write the catalogues of the pages' texts anew, and say what is to be translated
	@scripts/setup-python dev
	@$(BIN)/python scripts/languages.py

# Zensical has an environment of its own: neither the gateway nor its tests need it.
build/zensical/stamp: requirements/site.lock
	@scripts/setup-python dev
	@echo "· installing Zensical, which builds the site"
	@$(BIN)/python -m venv build/zensical
	@build/zensical/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

site: build/zensical/stamp ## build the site of docs/ into build/site; fails on a broken link or anchor
	@rm -rf build/site
	@build/zensical/bin/zensical build --strict --clean
	@build/zensical/bin/python scripts/site_twins.py build/site

screenshots: setup ## take the documentation's pictures anew, and one of every page in every view into build/screenshots
	@PICTURES=$(CURDIR)/docs/images SCREENSHOTS=$(CURDIR)/build/screenshots $(BIN)/python -m pytest $(PYTEST_BESIDE) \
	  tests/browser/test_pictures.py tests/browser/test_every_page.py

audit: ## ask the advisory databases about the locked packages (needs the internet)
	@scripts/setup-python dev
	$(BIN)/pip-audit --require-hashes --disable-pip -r requirements/runtime.lock

compile: ## compile the request's path in a copy of the tree, build/compiled
	@scripts/setup-python dev
	@$(BIN)/python scripts/compile $(COMPILED)

test-compiled: setup compile ## run the tests of what every request passes, compiled
	@echo "· running the tests on the compiled build"
	@cd $(COMPILED) && GATEPOST_COMPILED=1 $(CURDIR)/$(BIN)/python -m pytest \
	  $(PYTEST_BESIDE) --ignore=tests/dataplane/test_memory.py \
	  $(addprefix tests/,$(COMPILED_TESTS)) $(ARGS)

# The peer to measure beside has an environment of its own.
build/bench/bin/caddy: requirements/bench.lock
	@echo "· installing a peer to measure beside"
	@$(BIN)/python -m venv build/bench
	@build/bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

bench: compile build/bench/bin/caddy ## measure beside nginx and Caddy: CPU, latency, bodies … (BENCH=run ARGS=--json)
	@scripts/setup-debian $(BENCH_PACKAGES)
	@$(if $(filter start,$(BENCH)),scripts/install-wheel build/installed)
	@for name in $(BENCH); do \
	  PATH="$(CURDIR)/build/bench/bin:$$PATH" $(BIN)/python bench/$$name --compiled $(COMPILED) $(ARGS) || exit 1; \
	done

soak: compile ## ten minutes of mixed load; fails where memory, descriptors or tasks grow
	@$(BIN)/python bench/soak --compiled $(COMPILED) --minutes $(MINUTES) $(ARGS)

lock: ## lock the packages after a change of pyproject.toml (ARGS=--upgrade: the newest)
	@scripts/setup-python dev
	@scripts/lock $(ARGS)

dist: ## make the release's files in dist/: sources, wheels, bill of materials, checksums (GATEPOST_COMPILE=0)
	@scripts/setup-python dev
	@[ "$$GATEPOST_COMPILE" = 0 ] || scripts/setup-debian $$($(BIN)/python scripts/extension_modules.py)
	@scripts/dist

# What installs a release has an environment of its own, as its users' has nothing of ours.
build/release/bin/pipx: requirements/release.lock
	@echo "· installing uv and pipx"
	@$(BIN)/python -m venv build/release
	@build/release/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

deb: ## make a package for the Debian this runs on, from what make dist made
	@scripts/deb

image-size: ## add up what the images' layers install, without a container engine (after make dist)
	@scripts/image-size build/image

test-dist: dist deb image-size build/release/bin/pipx ## install what `make dist` made as people do, and run it (ARGS)
	@TEST_DIST=1 $(BIN)/python -m pytest tests/release $(ARGS)

image: ## build the container image for this machine (TARGET=distroless for the one without a system)
	docker build --target $(TARGET) --tag gatepost .

clean: ## remove everything that was set up or built here
	rm -rf .venv tests/*/node_modules examples/verify/node_modules dist build
	rm -rf .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find gateway tests -name __pycache__ -prune -exec rm -rf {} +
