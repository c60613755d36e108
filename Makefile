# Everything a person or CI runs here has a target; `make help` lists them.
# Nothing outside this folder is written, except by apt-get where a line says so.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.ONESHELL:

# The first of these that is new enough; `make PYTHON=/path/to/python3.12 …` says otherwise.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; \
	done || true)
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet install --only-binary :all:

# What needs neither a broker nor a database keeps every core busy. The rest waits for a third of
# its time: one file more at a time than two cores could do, each process with servers of its own.
# The longest files come first, so that nobody waits for the last one.
PARALLEL_TESTS := tests/unit tests/property tests/docs tests/test_house.py adapters
SERVER_TESTS := tests/contract tests/fault tests/acceptance tests/integration
SERVER_JOBS ?= 3
# One browser and one gateway for all of them.
BROWSER_TESTS := tests/browser
pytest = $(BIN)/python tools/run_pytest.py

CHECKS := check-format check-lint check-types check-imports check-dependencies check-dead-code \
	check-spelling check-dockerfile check-compose check-kubernetes check-schemas check-adapters

.PHONY: help demo test check bench scale bench-log crash audit docs screens lock clean rabbitmq go promtool chromium $(CHECKS)

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

demo: $(VENV)/.runtime ## Set up and show applications on their way into three simulated core systems
	@$(BIN)/kakehashi demo

test: $(VENV)/.dev rabbitmq go promtool chromium ## Install what the tests need (RabbitMQ, Go, promtool and Chromium by apt-get) and run them all
	@failed=0
	$(pytest) -n $(JOBS) $(PARALLEL_TESTS) || failed=1
	$(pytest) -n $(SERVER_JOBS) --dist loadfile --no-loadscope-reorder --timeout=240 $(SERVER_TESTS) || failed=1
	$(pytest) $(BROWSER_TESTS) || failed=1
	exit $$failed

check: $(VENV)/.dev ## Run every check that is not a test, and report all that fail
	@$(MAKE) --no-print-directory --keep-going --output-sync=target --jobs=$(JOBS) $(CHECKS)
	@echo "All checks passed."

bench: $(VENV)/.dev $(VENV)/.bench rabbitmq ## Measure beside a peer in the same run (minutes)
	@$(BIN)/python -m benchmarks

scale: $(VENV)/.dev $(VENV)/.bench rabbitmq ## Measure with a million applications: finding, pages, memory, bulkheads (an hour)
	@for what in find console backlog bulkhead; do $(BIN)/python -m benchmarks $$what --keep; done

bench-log: $(VENV)/.dev $(VENV)/.bench ## Measure the audit log with a million entries: append, prove, verify, search (half an hour)
	@$(BIN)/python -m benchmarks audit --keep

crash: $(VENV)/.dev rabbitmq ## The long crash run: kill gateway, worker and broker under load
	@CRASH_KILLS=$${CRASH_KILLS:-30} KILLS_IN_SEND=$${KILLS_IN_SEND:-100} \
		$(pytest) --timeout=3600 tests/fault

audit: $(VENV)/.dev ## The long run of the audit log: a million entries and 200 kills on both journals
	@AUDIT_ENTRIES=$${AUDIT_ENTRIES:-1000000} AUDIT_KILLS=$${AUDIT_KILLS:-200} \
		$(pytest) --timeout=7200 tests/fault/journal/test_killed_logs.py

docs: $(VENV)/.runtime ## Generate the reference pages and the example configuration
	@$(BIN)/python tools/generate_docs.py
	@$(BIN)/python tools/life_of_a_message.py >/dev/null

screens: $(VENV)/.dev chromium ## Draw every page of the console into docs/console, in both languages
	@$(BIN)/python tools/console_screens.py >/dev/null

lock: $(VENV)/.runtime ## Resolve the dependencies anew and write the hash-pinned requirement files
	@$(PIP) --require-hashes -r requirements-lock.txt
	@tools/lock.sh $(BIN)/uv

clean: ## Remove what the other targets made, but not ./var, where the data lies
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Setting up. A stamp file stands for what is installed, so that this runs once.

$(VENV)/pyvenv.cfg:
	@tools/make_venv.sh "$(PYTHON)" $(VENV)

$(VENV)/.runtime: requirements.txt requirements-build.txt pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "Installing the gateway's hash-pinned dependencies into $(VENV)"
	@$(PIP) --require-hashes -r requirements.txt -r requirements-build.txt
	@$(PIP) --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@echo "Installing the hash-pinned tools for tests and checks into $(VENV)"
	@$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@

$(VENV)/.bench: requirements-bench.txt $(VENV)/.runtime
	@echo "Installing the hash-pinned peers for the benchmark into $(VENV)"
	@$(PIP) --require-hashes -r requirements-bench.txt
	@touch $@

rabbitmq:
	@tools/install_rabbitmq.sh

# After RabbitMQ, since two apt-gets at once would meet at a lock.
go: | rabbitmq
	@tools/install_go.sh

promtool: $(VENV)/.dev | go
	@tools/install_promtool.sh $(BIN)

chromium: | promtool
	@tools/install_chromium.sh

# The checks, one a target: `make check-types` runs one alone.

check-format: $(VENV)/.dev
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --diff . ; exit 1; }

check-lint: $(VENV)/.dev
	@$(BIN)/ruff check --quiet .

check-types: $(VENV)/.dev
	@$(BIN)/mypy --no-error-summary

check-imports: $(VENV)/.dev
	@$(BIN)/lint-imports --no-logo

check-dependencies: $(VENV)/.dev
	@$(BIN)/deptry --no-ansi .

check-dead-code: $(VENV)/.dev
	@$(BIN)/vulture

check-spelling: $(VENV)/.dev
	@git ls-files -z | xargs -0 $(BIN)/codespell

check-dockerfile: $(VENV)/.dev
	@$(BIN)/hadolint Dockerfile

check-compose: $(VENV)/.dev
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml

check-kubernetes: $(VENV)/.dev
	@$(BIN)/python tools/check_kubernetes.py

check-schemas: $(VENV)/.dev
	@$(BIN)/python tools/schemas_lock.py

check-adapters: $(VENV)/.dev
	@$(BIN)/python tools/check_adapters.py
