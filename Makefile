# Each target does all its own set-up. Only python3 (3.11 or newer) has to be there.

PYTHON ?= python3

BIN := .venv/bin
UV := .tools/uv/bin/uv
READY := .venv/.ready

export PYTHONPATH := deploy/local:tests
export UV_PROJECT_ENVIRONMENT := .venv
# Bytecode is compiled once, by the install; without it every start of a command would compile everything anew.
export UV_COMPILE_BYTECODE := 1
# Ours is compiled when it is first imported, and kept: an operator starts in half the time.
export PYTHONDONTWRITEBYTECODE :=
# How many processes share the tests: many wait, for an API server or a clock, so there are more of them than processors.
WORKERS ?= 4

.DEFAULT_GOAL := help
.PHONY: help setup demo test unit lint format bench e2e faults tenants providers failover alerts conformance crds image clean

help:
	@awk -F ':.*## ' '/^##@ / {print substr($$0, 5) ":"} /^[a-z0-9]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Use it

demo: $(READY) ## The whole story on a local cluster, with a local AWS and Pulumi Cloud (KEEP=1 leaves them running)
	@$(BIN)/python -m demo $(if $(KEEP),--keep)

image: ## The container image, where Docker is
	docker build --tag esc-operator:0.1.0 .

##@ Develop

setup: $(READY) ## The project's own environment, in .venv

$(UV): deploy/image/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with make PYTHON=...")'
	@$(PYTHON) -m venv .tools/uv || { echo "python3 cannot make a virtual environment: install its venv module (Debian: apt install python3-venv)" >&2; exit 1; }
	@.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement deploy/image/uv.txt
	@touch $@

$(READY): pyproject.toml uv.lock $(UV)
	@$(UV) sync --frozen --quiet --python $(PYTHON)
	@touch $@

test: $(READY) ## All tests: unit, conformance, and those on a real API server (WORKERS=4, ARGS=...)
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

unit: $(READY) ## Only the tests that need nothing but Python, with a quarter of the generated examples
	@$(BIN)/python -m pytest -n auto --hypothesis-profile=quick tests/unit $(ARGS)

lint: $(READY) ## ruff, mypy, import-linter
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## Format the code
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format --quiet

crds: $(READY) ## Write crds/ and the rights in deploy/ from the code
	@$(BIN)/python -m local_operator.definitions

clean: ## Remove what the targets made in this folder
	rm -rf .venv .tools build .pytest_cache .pytest-kind .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage operator/*.egg-info

##@ Measure it, and try to break it

bench: $(READY) ## All benchmarks, or one: make bench FIGURE=cli_start_ratio
	@$(BIN)/python -m benchmarks $(FIGURE)

e2e: $(READY) ## Pods on a real node, over several rotations: no call refused
	@$(BIN)/python -m e2e $(ARGS)

faults: $(READY) ## Every fault, many times over; prints a table (ARGS="--runs 3 NAME")
	@$(BIN)/python -m faults $(ARGS)

tenants: $(READY) ## What a tenant may try against another, and who refuses it; prints a table (ARGS=TEXT)
	@$(BIN)/python -m tenants $(ARGS)

providers: $(READY) ## Every provider and rotator of the catalogue: what it was tried with, and what a user reads (ARGS=TEXT)
	@$(BIN)/python -m catalogue $(ARGS)

failover: $(READY) ## The leader goes a hundred times and more, under load; prints the gaps (ARGS="--kills 10")
	@$(BIN)/python -m failover $(ARGS)

alerts: $(READY) ## The alert rules, judged by promtool (built once, which takes some minutes)
	@$(BIN)/python -m local_prometheus

conformance: $(READY) ## The language's outside cases, from the folder ESC_CONFORMANCE
	@$(BIN)/python -m pytest tests/conformance -q -rs $(ARGS)
