# Two commands are all a newcomer needs: make up, make test.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
ARGS   ?=
# Tests wait for processes, browsers and disks for half of their time.
WORKERS ?= 4

.PHONY: help venv up test lint format bench chaos lock clean
.DEFAULT_GOAL := help

help:            ## list the targets
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

venv: $(STAMP)   ## create .venv with the pinned, hashed requirements

$(STAMP): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

up: $(STAMP)     ## run the whole grid on this machine (ARGS="--nodes 5 --speed 10")
	@$(BIN)/lumengrid up $(ARGS)

test: export PYTHONDONTWRITEBYTECODE :=
test: $(STAMP)   ## run every test, in parallel; one that fails once is tried again and named
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --reruns 1 --rerun-show-tracebacks $(ARGS)

lint: $(STAMP)   ## ruff, mypy strict, import contracts, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

format: $(STAMP) ## let ruff put the layout right
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)  ## every number the README claims, each as a ratio against a reference in the same run
	@for f in benchmarks/[a-z]*.py; do echo "== $$f"; $(BIN)/python $$f || exit 1; done

chaos: $(STAMP)  ## the long campaigns: kills, faults of chips, days offline, requests that nobody wrote, late stores
	@CHAOS_KILLS=30 CHAOS_FAULTS=200 CHAOS_DAYS=30 CHAOS_CAP_MB=32 CHAOS_STEP=1 $(BIN)/python -m pytest tests/journeys tests/cloud/stellar -m chaos -n 0 --timeout 1800 $(ARGS)
	@CHAOS_CASES=40 $(BIN)/python -m pytest tests/contract -m chaos -n 0 --timeout 1800 $(ARGS)
	@EXAMPLES=new $(BIN)/python -m pytest -n 2 --dist loadgroup -p tests.random_delays tests/shared tests/edge tests/cloud --deselect tests/cloud/kit $(ARGS)

PIN := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

lock:            ## pin and hash the requirements again (needs uv)
	$(PIN) --all-extras pyproject.toml -o requirements/dev.txt
	$(PIN) --extra edge -c requirements/dev.txt pyproject.toml -o requirements/edge.txt
	$(PIN) --extra cloud -c requirements/dev.txt pyproject.toml -o requirements/cloud.txt
	echo hatchling | $(PIN) -c requirements/dev.txt - -o requirements/build.txt

clean:           ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
