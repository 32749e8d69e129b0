# The image of kuberay-exporter: docker build -t registry.example.com/kuberay-exporter:0.1.0 .
# Any image with Python 3.11 or later as python3 can be the base; pip is needed in the first stage only.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
COPY requirements.lock .
RUN python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-compile --no-deps \
      --require-hashes --target packages -r requirements.lock \
 && rm -rf packages/bin
COPY tools/prune.py ./
COPY exporter code/exporter
# The kubernetes client is four times as large as all else, and hardly any of it is used.
RUN python3 -S -B prune.py packages code
# What is in the image, for scanners, in the format CycloneDX; the program that lists it stays in this stage.
COPY requirements-release.lock pyproject.toml ./
RUN python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --require-hashes \
      --target release -r requirements-release.lock \
 && sed "s/^dynamic = .*/$(grep -o 'version__ = .*' code/exporter/__init__.py | sed s/__//)/" pyproject.toml > described.toml \
 && printf '#!/bin/sh\nPYTHONPATH=/build/packages exec python3 "$@"\n' > python && chmod +x python \
 && PYTHONPATH=release python3 -m cyclonedx_py environment -S --pyproject described.toml --mc-type application \
      --output-reproducible --output-file sbom.cdx.json ./python
# Nothing can be compiled at run time on a read-only root; without this a start takes three times as long.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash packages code

FROM ${PYTHON_IMAGE}
# Nothing is installed at run time, and scanners complain about what could.
RUN for folder in $(python3 -c 'import sys; print(*sys.path[1:])'); do \
      cd "${folder}" 2>/dev/null && rm -rf ensurepip pip pip-* setuptools setuptools-* pkg_resources wheel wheel-* \
        _distutils_hack distutils-precedence.pth; \
    done; \
    rm -f /usr/bin/pip* /usr/local/bin/pip* /usr/local/bin/wheel
COPY --from=build /build/packages /opt/kuberay-exporter/packages
COPY --from=build /build/code /opt/kuberay-exporter/code
COPY --from=build /build/sbom.cdx.json /opt/kuberay-exporter/
COPY LICENSE /opt/kuberay-exporter/
ENV PYTHONPATH=/opt/kuberay-exporter/code:/opt/kuberay-exporter/packages \
    PYTHONSAFEPATH=1
# One arena for all threads, and large pieces given back: a third less memory after a list or a scrape (`make memory`).
ENV MALLOC_ARENA_MAX=1 \
    MALLOC_MMAP_THRESHOLD_=65536 \
    MALLOC_TRIM_THRESHOLD_=131072
# Nothing is missing; and what it imports of the standard library, which comes without bytecode, is compiled.
RUN python3 -c 'import exporter.app, exporter.cli, exporter.commands.demo, exporter.kube.client.access_loader'
WORKDIR /
USER 65534:65534
EXPOSE 8080
ENTRYPOINT ["python3", "-m", "exporter"]
# Last, so that another commit changes no other layer.
ARG VERSION=0.1.0
ARG REVISION=""
LABEL org.opencontainers.image.title="kuberay-exporter" \
      org.opencontainers.image.description="Prometheus exporter for KubeRay" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
