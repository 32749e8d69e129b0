"""A real API server accepts the sidecar, in each way of installing it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e import binaries
from tests.e2e.cluster import Cluster
from tests.e2e.rays import CHART_DEFINITIONS
from tests.support.helm_chart import ROOT

SIDECAR = ROOT / "deploy" / "sidecar"
NAME = "kuberay-operator"


@pytest.fixture
def operator(cluster: Cluster, namespace: str) -> str:
    """A Deployment like the operator's, which never starts a pod; returns its manifest."""
    manifest = yaml.safe_load((ROOT / "tests" / "testdata" / "operator.yaml").read_text())
    manifest["metadata"]["namespace"] = namespace
    manifest["spec"]["replicas"] = 0
    text = yaml.safe_dump(manifest)
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=text)
    return text


@pytest.fixture
def monitors(cluster: Cluster) -> Iterator[None]:
    with cluster.installed(CHART_DEFINITIONS):
        yield


def names_of_containers(deployment: str) -> list[str]:
    return [each["name"] for each in json.loads(deployment)["spec"]["template"]["spec"]["containers"]]


def test_patch_is_accepted(cluster: Cluster, namespace: str, operator: str) -> None:
    """`kubectl patch`, as a dry run and then applied; the second time it changes nothing."""
    patch = ("patch", "deployment", NAME, "--namespace", namespace, "--patch-file", str(SIDECAR / "patch.yaml"))
    dry = cluster.kubectl(*patch, "--dry-run=server", "--output=json")
    assert names_of_containers(dry) == ["kuberay-operator", "kuberay-exporter"]
    assert "(no change)" not in cluster.kubectl(*patch)
    assert "(no change)" in cluster.kubectl(*patch)


def test_component_is_accepted(cluster: Cluster, namespace: str, operator: str, monitors: None, tmp_path: Path) -> None:
    """The operator, the sidecar and its PodMonitor, built by kustomize, are applied over the operator."""
    shutil.copytree(SIDECAR, tmp_path / "sidecar")
    (tmp_path / "operator.yaml").write_text(operator)
    kustomization = {
        "namespace": namespace,
        "resources": ["operator.yaml"],
        "components": ["sidecar", "sidecar/podmonitor"],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    cluster.kubectl("apply", "--server-side", "--dry-run=server", "-k", str(tmp_path))
    cluster.kubectl("apply", "--server-side", "-k", str(tmp_path))
    deployment = cluster.kubectl("get", "deployment", NAME, "--namespace", namespace, "--output=json")
    assert names_of_containers(deployment) == ["kuberay-operator", "kuberay-exporter"]
    monitor = cluster.kubectl("get", "podmonitor", "kuberay-exporter", "--namespace", namespace, "--output=json")
    assert json.loads(monitor)["spec"]["podMetricsEndpoints"][0]["honorLabels"] is True


def test_post_renderer_is_accepted(cluster: Cluster, namespace: str, operator: str) -> None:
    """The output of the post-renderer is applied, as helm does it."""
    rendered = subprocess.run(
        [SIDECAR / "post-render", "registry.example.com/kuberay-exporter:1"],
        input=operator,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"KUSTOMIZE": f"{binaries.build() / 'kubectl'} kustomize"},
    )
    arguments = ("apply", "--server-side", "--dry-run=server", "--output=json", "-f", "-")
    dry = cluster.kubectl(*arguments, stdin=rendered.stdout)
    assert names_of_containers(dry) == ["kuberay-operator", "kuberay-exporter"]
