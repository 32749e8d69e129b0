# kuberay-exporter. `make help` lists the targets; every one sets up what it needs.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# Made when the packages are installed: those that the exporter needs, then those of its development as well.
RUNTIME := $(VENV)/.runtime
READY := $(VENV)/.ready
PIP_INSTALL := $(BIN)/pip install --disable-pip-version-check --progress-bar off

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# An older Python would fail only in pip, with an error about a package. The program has to run in any of them.
OLD_PYTHON := $(PYTHON) is Python %d.%d, but 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.11
CHECK_PYTHON := import sys; sys.version_info < (3, 11) and sys.exit("$(OLD_PYTHON)" % sys.version_info[:2])

# pip prints what it does: the first time it needs a minute or more.
$(RUNTIME): requirements.lock
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP_INSTALL) --require-hashes -r requirements.lock
	@touch $@

$(READY): $(RUNTIME) requirements-dev.lock pyproject.toml
	$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: $(RUNTIME) ## Set up and run the exporter on a simulated cluster, until Ctrl-C
	@$(BIN)/python -m exporter demo $(ARGS)

# Before any package is installed.
.PHONY: stack-programs
stack-programs:
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@$(PYTHON) tools/stack.py --check

.PHONY: stack
stack: stack-programs $(RUNTIME) ## Run the demo with Prometheus and Alertmanager, until Ctrl-C
	@$(BIN)/python tools/stack.py $(ARGS)

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

.PHONY: memory
memory: $(READY) ## What memory the exporter needs for so many objects (ARGS="1000 10000")
	$(BIN)/python benchmarks/memory.py $(ARGS)

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
docs: $(READY) ## Write docs/metrics.md and the chart's table of values anew from what they document
	$(BIN)/python -m tools.metrics_docs
	$(BIN)/python -m tools.values_table

.PHONY: golden
golden: $(READY) ## Write the golden exposition anew, to be reviewed like code
	$(BIN)/python -m tools.golden > tests/testdata/golden.prom

.PHONY: promtool
promtool: ## Let promtool (Debian: prometheus) judge the golden exposition and the documented joins
	promtool check metrics < tests/testdata/golden.prom
	promtool test rules tests/testdata/joins.yaml

.PHONY: rules
rules: $(READY) ## Write deploy/prometheus/rules.yaml from the chart's rules; let promtool check and test it
	$(BIN)/python -m tools.rules > deploy/prometheus/rules.yaml
	promtool check rules deploy/prometheus/rules.yaml
	promtool test rules tests/rules/*.yaml

.PHONY: dashboards
dashboards: $(READY) ## Write the dashboards of the chart and of deploy/grafana anew
	$(BIN)/python -m tools.dashboards.render

# A folder of tests that `make test` leaves out by name (norecursedirs in pyproject.toml): it needs Prometheus.
.PHONY: live
live: $(READY) ## Let a real Prometheus (Debian: prometheus) scrape the demo; ask it for rules and dashboards
	$(BIN)/python -m pytest tests/live $(ARGS)

# What `make chart` needs is built with Go from pinned modules, and kept; only `make chart` needs Go. The folder has
# the version in its name, so that another version is built.
TOOLS := .cache/tools
HELM := $(TOOLS)/helm-v3.21.4/helm
KUSTOMIZE := $(TOOLS)/kustomize-v5.8.1/kustomize
PROMETHEUS := $(TOOLS)/prometheus-v0.316.0/prometheus
PROMTOOL := $(dir $(PROMETHEUS))promtool
version_of = $(lastword $(subst -, ,$(notdir $(patsubst %/,%,$(dir $(1))))))
go_install = GOBIN=$(abspath $(@D)) go install

# Helm takes the version of Kubernetes that it renders for from its linker: without, it is 1.20.
$(HELM):
	$(go_install) -ldflags "-s -w -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=36 \
	  -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=36" helm.sh/helm/v3/cmd/helm@$(call version_of,$@)

$(KUSTOMIZE):
	$(go_install) sigs.k8s.io/kustomize/kustomize/v5@$(call version_of,$@)

# Debian's is built without kubernetes_sd_configs. This one has that discovery alone, of thirty.
$(PROMETHEUS) $(PROMTOOL):
	$(go_install) -tags remove_all_sd,enable_kubernetes_sd -ldflags "-s -w" \
	  github.com/prometheus/prometheus/cmd/$(@F)@$(call version_of,$@)

# A folder of tests that `make test` leaves out by name (norecursedirs in pyproject.toml): they need Go.
.PHONY: chart
chart: $(READY) $(HELM) $(KUSTOMIZE) $(PROMETHEUS) $(PROMTOOL) ## Test the Helm chart, the sidecar and the scrape configuration (needs Go)
	HELM=$(abspath $(HELM)) KUSTOMIZE=$(abspath $(KUSTOMIZE)) PROMETHEUS=$(abspath $(PROMETHEUS)) \
	  PROMTOOL=$(abspath $(PROMTOOL)) $(BIN)/python -m pytest tests/chart $(ARGS)

.PHONY: chart-golden
chart-golden: $(READY) $(HELM) ## Write the rendered charts anew, to be reviewed like code
	HELM=$(abspath $(HELM)) $(BIN)/python -m tools.chart_goldens

.PHONY: e2e
e2e: $(READY) $(HELM) ## Run exporter, chart and sidecar against a real API server (needs Go; minutes the first time)
	$(BIN)/python -m tests.e2e.binaries
	HELM=$(abspath $(HELM)) $(BIN)/python -m pytest tests/e2e $(ARGS)

.PHONY: lock
lock: $(READY) ## Resolve the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --upgrade pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --upgrade pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

.PHONY: clean
clean: ## Remove what the other targets made
	rm -rf $(VENV) .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache *.egg-info
