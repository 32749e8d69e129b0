# kuberay-exporter. `make help` lists the targets; each sets up what it needs.
# Another Python: make test PYTHON=python3.13 VENV=.venv-3.13

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
# Created after the installation: of the exporter's packages first, then of those for its development.
RUNTIME := $(VENV)/.runtime
READY := $(VENV)/.ready
# A lock names every package, so that nothing is left to resolve: whatever pip a Python has brings the same packages.
PIP_QUIET := --quiet --disable-pip-version-check
PIP_INSTALL := $(BIN)/pip install $(PIP_QUIET) --no-deps --require-hashes

include publish.env
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' exporter/__init__.py)

.DEFAULT_GOAL := help

##@ Try and install

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^##@ /{print substr($$0, 5)} /^[a-z][a-z0-9-]*:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile

# An older Python would fail only in pip, with an error about a package. This program has to run in every version.
OLD_PYTHON := $(PYTHON) is Python %d.%d, but 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.11
CHECK_PYTHON := import sys; sys.version_info < (3, 11) and sys.exit("$(OLD_PYTHON)" % sys.version_info[:2])

$(RUNTIME): requirements.lock
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@echo "Creating the virtual environment $(VENV) (some seconds)"
	@$(PYTHON) -m venv --clear $(VENV)
	@echo "Installing the exporter's packages (some seconds)"
	@$(PIP_INSTALL) -r requirements.lock
	@touch $@

$(READY): $(RUNTIME) requirements-dev.lock pyproject.toml
	@echo "Installing the packages for development (about a minute)"
	@$(PIP_INSTALL) -r requirements-dev.lock
	@$(BIN)/pip install $(PIP_QUIET) --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: $(RUNTIME) ## Set up and run the exporter on a simulated cluster, until Ctrl-C
	@$(BIN)/python -m exporter demo $(ARGS)

# Before any package is installed.
.PHONY: stack-programs
stack-programs:
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@$(PYTHON) -m tools.stack --check

.PHONY: stack
stack: stack-programs $(RUNTIME) ## Run the demo with Prometheus and Alertmanager, until Ctrl-C
	@$(BIN)/python -m tools.stack $(ARGS)

.PHONY: install
install: ## Put kuberay-exporter and kubectl-ray_explain into ~/.local/bin, from an environment of their own (PREFIX=~/.local)
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	$(PYTHON) -m venv --clear $(PREFIX)/share/kuberay-exporter
	$(PREFIX)/share/kuberay-exporter/bin/pip install $(PIP_QUIET) --no-deps --require-hashes -r requirements.lock
	$(PREFIX)/share/kuberay-exporter/bin/pip install $(PIP_QUIET) --no-deps .
	mkdir -p $(PREFIX)/bin
	ln -sf ../share/kuberay-exporter/bin/kuberay-exporter ../share/kuberay-exporter/bin/kubectl-ray_explain $(PREFIX)/bin
PREFIX ?= $(HOME)/.local

##@ Test

# With ARGS, which usually select some of the tests, coverage would say nothing.
.PHONY: test
test: $(READY) ## Run the tests that need only Python, and print their coverage (without ARGS)
	$(BIN)/python -m pytest $(or $(ARGS),--cov --cov-report=term)

# Tests of what is overridden in packages whose inner parts may change, each with the oldest and the newest versions
# that pyproject.toml allows. The test tools are those of the lock.
COMPAT_PACKAGES := kubernetes uvicorn
COMPAT_TESTS := tests/kube/client tests/web/test_http_protocol.py tests/web/test_listener.py \
  tests/web/test_server.py tests/web/test_limits.py tests/web/auth/test_authentication.py
COMPAT_TOOLS := cryptography httpx2 hypothesis pytest pytest-randomly

.PHONY: compat
compat: $(READY) ## Run the tests of what is overridden with the oldest and the newest packages that are allowed
	for versions in lowest-direct highest; do \
	  $(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)-$$versions && \
	  $(BIN)/uv pip install --quiet --python $(VENV)-$$versions --constraints requirements-dev.lock $(COMPAT_TOOLS) && \
	  $(BIN)/uv pip install --quiet --python $(VENV)-$$versions --upgrade --resolution $$versions -r pyproject.toml && \
	  for package in $(COMPAT_PACKAGES); do $(BIN)/uv pip freeze --python $(VENV)-$$versions | grep "^$$package=="; done && \
	  $(VENV)-$$versions/bin/python -m pytest --quiet $(COMPAT_TESTS) || exit 1; \
	done

.PHONY: soak
soak: $(READY) ## Run Hypothesis' tests for some minutes, with new examples
	HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest --hypothesis-show-statistics tests/test_state_machine.py \
	  tests/test_arbitrary.py tests/diagnosis/test_arbitrary.py tests/system/test_signals.py $(ARGS)

.PHONY: attack
attack: $(READY) ## Attack a running exporter with hostile objects, clients and servers (ARGS="--short", "--list")
	@$(BIN)/python -m tests.attack $(ARGS)

.PHONY: chaos
chaos: $(READY) ## Break everything around a running exporter, at random (ARGS="--faults 60 --seed 1", "--seeds 10")
	@$(BIN)/python -m tests.chaos $(ARGS)

.PHONY: endurance
endurance: $(READY) ## Change a million objects of a running exporter, and plot what it holds (ARGS="--changes 50000")
	@$(BIN)/python -m tests.chaos.endurance $(ARGS)

##@ Measure

.PHONY: bench
bench: $(READY) ## Measure starts, scrapes, updates and memory of a running exporter (ARGS="--objects 1000 30000")
	$(BIN)/python -m benchmarks.bench $(ARGS)

# Each version of Python has other bytecode: the baseline is of the oldest that is supported.
.PHONY: guard
guard: $(READY) ## Compare what lists, updates and scrapes cost with a committed baseline
	@PYTHONHASHSEED=0 $(BIN)/python -m benchmarks.guard

.PHONY: guard-baseline
guard-baseline: $(READY) ## Replace the baseline of `make guard`; say why in the commit
	@PYTHONHASHSEED=0 $(BIN)/python -m benchmarks.guard --write

.PHONY: performance
performance: $(READY) ## Measure what docs/performance.md shows, and write its table and plot (takes minutes)
	$(BIN)/python -m benchmarks.bench --objects 1000 10000 30000 --json benchmarks/measured.json
	$(BIN)/python -m tools.performance

.PHONY: memory
memory: $(READY) ## Measure what the memory is used for, by number of objects (ARGS="1000 10000")
	$(BIN)/python -m benchmarks.memory $(ARGS)

##@ Check and format

.PHONY: lint
lint: $(READY) ## Check style, types and imports between layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(READY) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

##@ Documents, rules, dashboards and the page: generate and test

.PHONY: docs
docs: $(READY) ## Generate pages and tables of metrics, Events, causes, flags and values
	$(BIN)/python -m tools.metrics_docs
	$(BIN)/python -m tools.events_docs
	$(BIN)/python -m tools.values_table
	$(BIN)/python -m tools.diagnosis_docs
	$(BIN)/python -m tools.flags_docs

.PHONY: sentences
sentences: $(READY) ## Generate what the diagnosis says in all scenes of its tests; review it like code
	$(BIN)/python -m tools.sentences

.PHONY: golden
golden: $(READY) ## Generate the golden exposition; review it like code
	$(BIN)/python -m tools.golden > tests/testdata/golden.prom

.PHONY: promtool
promtool: ## Check the golden exposition and the documented joins with promtool
	promtool check metrics < tests/testdata/golden.prom
	promtool test rules tests/testdata/joins.yaml

.PHONY: rules
rules: $(READY) ## Generate rules and table of alerts; test them with promtool, and the routes with amtool
	for file in rules rules-nine rules-utilisation rules-slo; do \
	  $(BIN)/python -m tools.rules --file $$file > deploy/prometheus/$$file.yaml || exit 1; \
	done
	$(BIN)/python -m tools.families
	$(BIN)/python -m tools.alerts_table
	$(BIN)/python -m tools.rule_tests
	$(BIN)/python -m pytest tests/live/test_alertmanager.py

# For a Thanos Ruler, a Mimir or a Prometheus with several clusters.
EXTERNAL_LABELS ?= cluster
EXPECTED_CLUSTERS ?=
RULES ?= kuberay-rules.yaml
.PHONY: own-rules
own-rules: $(RUNTIME) ## Write rules with EXTERNAL_LABELS and EXPECTED_CLUSTERS to the file RULES
	$(BIN)/python -m tools.rules --external-labels "$(EXTERNAL_LABELS)" \
	  --expected-clusters "$(EXPECTED_CLUSTERS)" > $(RULES)
	promtool check rules $(RULES)

.PHONY: logql
logql: ## Parse the LogQL queries of the documentation (needs Node.js 20 or later)
	cd tests/logql && npm ci --silent --no-audit --no-fund
	node tests/logql/check.mjs docs/*.md

.PHONY: dashboards
dashboards: $(READY) ## Generate the dashboards
	$(BIN)/python -m tools.dashboards.render
	$(BIN)/python -m tools.families

# `make test` does not collect this folder (norecursedirs in pyproject.toml), as it needs Prometheus.
.PHONY: live
live: $(READY) ## Test rules and dashboards with a Prometheus that scrapes the demo
	$(BIN)/python -m pytest tests/live $(ARGS)

# What drives the browser, installed after the other packages.
DRIVER := $(VENV)/.driver
$(DRIVER): $(READY) requirements-browser.lock
	@echo "Installing the driver of the browser (some seconds)"
	@$(PIP_INSTALL) -r requirements-browser.lock
	@touch $@

# `make test` does not collect this folder (norecursedirs in pyproject.toml), as it needs Debian's chromium.
.PHONY: browser
browser: $(DRIVER) ## Test the page at / in Chromium
	$(BIN)/python -m pytest tests/browser $(ARGS)

.PHONY: screenshots
screenshots: $(DRIVER) ## Make the pictures in docs/images, from the demo, in Chromium
	$(BIN)/python -m tools.screenshots

##@ Chart, Kubernetes and locks: test and generate

# Tools that are built with Go from pinned modules, and kept. The version is in the name of the folder, so that a new
# version is built.
TOOLS := .cache/tools
HELM := $(TOOLS)/helm-v3.21.4/helm
KUSTOMIZE := $(TOOLS)/kustomize-v5.8.1/kustomize
PROMETHEUS := $(TOOLS)/prometheus-v0.316.0/prometheus
PROMTOOL := $(dir $(PROMETHEUS))promtool
VMALERT := $(TOOLS)/vmalert-v1.132.0/vmalert
version_of = $(lastword $(subst -, ,$(notdir $(patsubst %/,%,$(dir $(1))))))
go_install = GOBIN=$(abspath $(@D)) go install

# Helm's default version of Kubernetes is set by the linker; without these flags it is 1.20.
$(HELM):
	$(go_install) -ldflags "-s -w -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=36 \
	  -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=36" helm.sh/helm/v3/cmd/helm@$(call version_of,$@)

$(KUSTOMIZE):
	$(go_install) sigs.k8s.io/kustomize/kustomize/v5@$(call version_of,$@)

# Debian's Prometheus is built without kubernetes_sd_configs. This one has only that service discovery.
$(PROMETHEUS) $(PROMTOOL):
	$(go_install) -tags remove_all_sd,enable_kubernetes_sd -ldflags "-s -w" \
	  github.com/prometheus/prometheus/cmd/$(@F)@$(call version_of,$@)

$(VMALERT):
	$(go_install) github.com/VictoriaMetrics/VictoriaMetrics/app/vmalert@$(call version_of,$@)

.PHONY: programs
programs: $(HELM) $(KUSTOMIZE) $(PROMETHEUS) $(PROMTOOL) $(VMALERT) ## Build what `chart` and `e2e` need (needs Go; takes minutes)
	$(PYTHON) -m tests.e2e.binaries

# `make test` does not collect this folder (norecursedirs in pyproject.toml), as it needs tools that are built with Go.
.PHONY: chart
chart: $(READY) $(HELM) $(KUSTOMIZE) $(PROMETHEUS) $(PROMTOOL) $(VMALERT) ## Test the Helm chart, the sidecar and the scrape configuration (needs Go)
	HELM=$(abspath $(HELM)) KUSTOMIZE=$(abspath $(KUSTOMIZE)) PROMETHEUS=$(abspath $(PROMETHEUS)) \
	  PROMTOOL=$(abspath $(PROMTOOL)) VMALERT=$(abspath $(VMALERT)) $(BIN)/python -m pytest tests/chart $(ARGS)

.PHONY: chart-golden
chart-golden: $(READY) $(HELM) ## Generate the rendered charts; review them like code
	HELM=$(abspath $(HELM)) $(BIN)/python -m tools.chart_goldens

.PHONY: manifests
manifests: $(READY) $(HELM) ## Generate deploy/kubernetes from the chart
	HELM=$(abspath $(HELM)) $(BIN)/python -m tools.chart_goldens manifests

.PHONY: e2e
e2e: $(READY) $(HELM) ## Test exporter, chart and sidecar with a real API server (needs Go; the first run takes minutes)
	$(BIN)/python -m tests.e2e.binaries
	HELM=$(abspath $(HELM)) $(BIN)/python -m pytest tests/e2e $(ARGS)

# The pip of Python 3.11.0, the oldest that a supported Python brings.
OLDEST_PIP := 22.3
.PHONY: check-locks
check-locks: ## Check that the oldest supported pip installs the lock files
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@echo "Installing the lock files with pip $(OLDEST_PIP) (some minutes)"
	@$(PYTHON) -m venv --clear $(VENV)-oldest-pip
	@$(VENV)-oldest-pip/bin/pip install $(PIP_QUIET) pip==$(OLDEST_PIP)
	@$(VENV)-oldest-pip/bin/pip install $(PIP_QUIET) --no-deps --require-hashes -r requirements-dev.lock
	@$(VENV)-oldest-pip/bin/pip check
	@set -e; for lock in $(filter-out requirements.lock requirements-dev.lock,$(wildcard requirements*.lock)); do \
	  $(VENV)-oldest-pip/bin/pip install $(PIP_QUIET) --no-deps --require-hashes --dry-run -r $$lock; \
	done
	@rm -rf $(VENV)-oldest-pip

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-strip-extras --no-header --no-annotate --upgrade
.PHONY: lock
lock: $(READY) ## Update the lock files
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	$(LOCK) --group browser -c requirements-dev.lock -o requirements-browser.lock
	$(LOCK) --group docs -c requirements-dev.lock -o requirements-docs.lock
	$(LOCK) --group release -c requirements-dev.lock -o requirements-release.lock

# What builds and checks a release, and what makes the site: each in an environment of its own.
RELEASE_BIN := $(VENV)-release/bin
SITE_BIN := $(VENV)-docs/bin
UV_INSTALL := $(BIN)/uv pip install --quiet --no-deps --require-hashes
$(VENV)-release/.ready $(VENV)-docs/.ready: $(VENV)-%/.ready: requirements-%.lock $(READY)
	@echo "Creating the virtual environment $(@D) (some seconds)"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D)
	@$(UV_INSTALL) --python $(@D) -r $<
	@touch $@

##@ Publish

.PHONY: site
site: $(VENV)-docs/.ready ## Make the documentation as a site in the folder site; a dead link is an error
	@NO_MKDOCS_2_WARNING=1 REPOSITORY_URL=$(REPOSITORY_URL) DOCS_URL=$(DOCS_URL) $(SITE_BIN)/python -W ignore -m mkdocs build --strict

ACTIONLINT := $(TOOLS)/actionlint-v1.7.12/actionlint
$(ACTIONLINT):
	$(go_install) github.com/rhysd/actionlint/cmd/actionlint@$(call version_of,$@)

.PHONY: workflows
workflows: $(ACTIONLINT) $(VENV)-release/.ready ## Check .github/workflows with actionlint and zizmor (needs Go)
	$(ACTIONLINT)
	$(RELEASE_BIN)/zizmor --offline --quiet --persona auditor --min-severity low .github

.PHONY: version
version: $(READY) $(HELM) ## Set the version NEW in every file that names it (NEW=1.2.3)
	$(BIN)/python -m tools.release version $(NEW)
	$(MAKE) golden chart-golden manifests

.PHONY: release-check
release-check: $(READY) ## Check that all files name one version; with RELEASE=1.2.3 also that it can be released
	$(BIN)/python -m tools.release check $(RELEASE)

.PHONY: released
released: $(READY) ## Write what this release has, for comparisons and for the test of upgrades; only after a release
	$(BIN)/python -m tools.stability

.PHONY: dist
dist: $(READY) $(VENV)-release/.ready ## Build wheel and sdist in the folder dist
	rm -f dist/*.whl dist/kuberay_exporter-*.tar.gz
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build -d dist
	$(RELEASE_BIN)/twine check --strict dist/*.whl dist/kuberay_exporter-*.tar.gz

.PHONY: chart-package
chart-package: $(READY) $(HELM) ## Package the chart in the folder dist, with the addresses of publish.env
	rm -rf dist/chart && mkdir -p dist/chart
	$(BIN)/python -m tools.release chart dist/chart/kuberay-exporter
	$(HELM) lint --strict dist/chart/kuberay-exporter
	$(HELM) package dist/chart/kuberay-exporter --destination dist
	rm -rf dist/chart

.PHONY: krew
krew: $(READY) ## Pack the kubectl plugin in the folder dist, with a manifest for krew if publish.env has addresses
	$(BIN)/python -m tools.release krew

# The packages of the image, and a Python that finds no others.
IMAGE_PYTHON := $(VENV)-image/python
$(IMAGE_PYTHON): requirements.lock tools/prune.py $(READY)
	rm -rf $(@D) && mkdir -p $(@D)/code && cp -r exporter $(@D)/code
	$(UV_INSTALL) --python $(BIN)/python --target $(@D)/packages -r requirements.lock
	$(BIN)/python -S -B tools/prune.py $(@D)/packages $(@D)/code
	printf '#!/bin/sh\nPYTHONPATH=%s exec %s -S "$$@"\n' "$(abspath $(@D))/packages" "$(abspath $(BIN))/python" > $@
	chmod +x $@

.PHONY: sbom
sbom: $(IMAGE_PYTHON) $(VENV)-release/.ready ## List the packages of the image in dist, in the format CycloneDX
	mkdir -p dist
	sed 's/^dynamic = .*/version = "$(VERSION)"/' pyproject.toml > $(VENV)-image/pyproject.toml
	$(RELEASE_BIN)/cyclonedx-py environment -S --pyproject $(VENV)-image/pyproject.toml --mc-type application \
	  --output-reproducible --output-file dist/kuberay-exporter-$(VERSION).cdx.json $(IMAGE_PYTHON)

.PHONY: notices
notices: $(IMAGE_PYTHON) $(VENV)-release/.ready ## Write the licenses of all packages of the image into dist
	mkdir -p dist
	$(RELEASE_BIN)/pip-licenses --python $(IMAGE_PYTHON) --with-system --from mixed --with-license-file --no-license-path \
	  --format plain-vertical --output-file dist/NOTICES.txt

# Without a container engine; several platforms become one manifest list. Foreign ones need qemu-user-static.
PLATFORMS ?= linux/$(shell dpkg --print-architecture 2>/dev/null || echo amd64)
PYTHON_IMAGE ?= python:3.11-slim
LOCAL_IMAGE := localhost/kuberay-exporter:$(VERSION)
.PHONY: image
image: ## Build the image with buildah (PLATFORMS=linux/amd64,linux/arm64)
	-buildah manifest rm $(LOCAL_IMAGE) 2>/dev/null
	buildah build --layers --platform $(PLATFORMS) --manifest $(LOCAL_IMAGE) --build-arg PYTHON_IMAGE=$(PYTHON_IMAGE) \
	  --build-arg VERSION=$(VERSION) --build-arg REVISION="$$(git rev-parse HEAD)" \
	  --timestamp "$$(git log -1 --format=%ct)" $(BUILDAH_ARGS) .

# These three are for the workflow of a release, which has the rights; without addresses they refuse.
.PHONY: publish-package publish-image publish-chart
publish-package: $(VENV)-release/.ready
	$(RELEASE_BIN)/uv publish --trusted-publishing always dist/*.whl dist/kuberay_exporter-*.tar.gz

publish-image:
	test -n "$(IMAGE)"
	buildah manifest push --all --digestfile dist/image.digest $(LOCAL_IMAGE) docker://$(IMAGE):$(VERSION)
	cosign sign --yes "$(IMAGE)@$$(cat dist/image.digest)"
	cosign attest --yes --type cyclonedx --predicate dist/kuberay-exporter-$(VERSION).cdx.json \
	  "$(IMAGE)@$$(cat dist/image.digest)"
	echo "digest=$$(cat dist/image.digest)" >> "$${GITHUB_OUTPUT:-/dev/stdout}"

publish-chart: $(HELM)
	test -n "$(CHART)"
	$(HELM) push dist/kuberay-exporter-$(VERSION).tgz $(CHART) 2>&1 | tee dist/chart.log
	cosign sign --yes "$(patsubst oci://%,%,$(CHART))/kuberay-exporter@$$(sed -n 's/^Digest: //p' dist/chart.log)"

.PHONY: clean
clean: ## Remove what the other targets created
	rm -rf $(VENV) $(VENV)-* tests/logql/node_modules .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache *.egg-info site
