# kuberay-exporter. `make help` lists the targets; every one sets up what it needs.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: $(READY) ## Set up and run the exporter on a simulated cluster, until Ctrl-C
	@$(BIN)/kuberay-exporter demo $(ARGS)

.PHONY: test
test: $(READY) ## Set up and run all tests
	$(BIN)/python -m pytest $(ARGS)

.PHONY: soak
soak: $(READY) ## Look for new examples: Hypothesis' tests for some minutes, with what they covered
	HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest --hypothesis-show-statistics \
	  tests/test_state_machine.py tests/test_arbitrary.py $(ARGS)

.PHONY: bench
bench: $(READY) ## What scrapes and events cost, as ratios (ARGS="--objects 30000")
	$(BIN)/python benchmarks/scrape.py $(ARGS)

.PHONY: lint
lint: $(READY) ## Check style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(READY) ## Put the code into the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: docs
docs: $(READY) ## Write docs/metrics.md anew from the tables
	$(BIN)/python docs/generate.py

.PHONY: golden
golden: $(READY) ## Write the golden exposition anew, to be reviewed like code
	$(BIN)/python tests/golden.py > tests/testdata/golden.prom

.PHONY: promtool
promtool: ## Let promtool (Debian: prometheus) judge the golden exposition and the documented joins
	promtool check metrics < tests/testdata/golden.prom
	promtool test rules tests/testdata/joins.yaml

.PHONY: lock
lock: $(READY) ## Resolve the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --upgrade pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --upgrade pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

.PHONY: clean
clean: ## Remove what the other targets made
	rm -rf $(VENV) .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache *.egg-info
