# Everything sets itself up: python3 (3.11 or later, with venv), git and make are all it takes.
# `make test ARGS="tests/unit -x"` hands arguments on to pytest.

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=
KILLS ?= 200
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.PHONY: help setup test demo lint format types docs crash simulate bench bench-million lock wheel test-wheel clean-root clean

help: ## Say what there is.
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -e 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## Make the virtual environment with exactly the locked packages.

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed; name one with PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
	  || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

test: $(READY) ## Run all tests; what needs a missing service is skipped with its reason.
	$(BIN)/python -m pytest $(ARGS)

demo: $(READY) ## Do the main job on made-up customers, to a mail server of its own.
	$(BIN)/notifier demo $(ARGS)

lint: $(READY) ## Check style and the rules between packages.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

format: $(READY) ## Bring the code into the one style.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(READY) ## Check the types, strictly.
	$(BIN)/mypy

docs: $(READY) ## Write the reference pages that are made from the program.
	$(BIN)/python -m tests.docs.reference

crash: $(READY) ## Kill a worker under load at KILLS random moments and at each named step.
	CRASH_KILLS=$(KILLS) $(BIN)/python -m pytest -m crash tests/crash -rP $(ARGS)

bench: $(READY) ## Measure the whole path beside a bare sender; writes build/bench.json.
	$(BIN)/python -m benchmarks $(ARGS)

bench-million: $(READY) ## The same over a million people, from the import to the last answer.
	$(BIN)/python -m benchmarks --people 1000000

lock: $(READY) ## Bring requirements.lock up to date with pyproject.toml (UPGRADE=--upgrade for newer versions).
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) --all-extras --group dev $(UPGRADE) pyproject.toml --output-file requirements.lock
	$(COMPILE) --constraint requirements.lock pyproject.toml --output-file docker/runtime.lock
	$(COMPILE) --constraint requirements.lock --group build --output-file docker/build.lock

simulate: $(READY) ## Bring PEOPLE through a channel plan with mixed fates while the worker is killed.
	SIMULATE_PEOPLE=$(or $(PEOPLE),100000) $(BIN)/python -m pytest -m crash tests/crash/test_simulation.py -k many -rP $(ARGS)

wheel: $(READY) ## Build the wheel into dist/.
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

test-wheel: $(READY) ## Install the built wheel in a fresh environment and use it there.
	$(BIN)/python tests/wheel/check.py

clean-root: ## Install and send one notice in a minimal Debian root (needs root, debootstrap, smtp-sink).
	docker/clean-root.sh

clean: ## Remove what was made.
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
