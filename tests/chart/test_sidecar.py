"""deploy/sidecar: the exporter as a second container of a Deployment like the KubeRay operator's."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import __version__
from exporter.cli import serve_command
from tests.support.helm_chart import ROOT

SIDECAR = ROOT / "deploy" / "sidecar"
OPERATOR = (ROOT / "tests" / "testdata" / "operator.yaml").read_text()
IMAGE = "registry.example.com:5000/ray/kuberay-exporter:1.2.3"

OPERATOR_PORTS = {8080, 8082, 9443}
"""The operator's ports of metrics, probes and webhook; only the first is in its Deployment."""


def kustomize(folder: Path) -> list[dict[str, Any]]:
    built = subprocess.run([os.environ["KUSTOMIZE"], "build", folder], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(built.stdout))


def try_post_render(manifests: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"KUSTOMIZE": f"{os.environ['KUSTOMIZE']} build"}
    command = [str(SIDECAR / "post-render"), *arguments]
    return subprocess.run(command, input=manifests, capture_output=True, text=True, env=environment)


def post_render(manifests: str) -> list[dict[str, Any]]:
    rendered = try_post_render(manifests, IMAGE)
    assert rendered.returncode == 0, rendered.stderr
    return list(yaml.safe_load_all(rendered.stdout))


def containers(deployment: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {container["name"]: container for container in deployment["spec"]["template"]["spec"]["containers"]}


def watched(container: dict[str, Any]) -> str:
    (variable,) = container["env"]
    assert variable["name"] == "KUBERAY_EXPORTER_WATCH_NAMESPACE"
    return str(variable["value"])


@pytest.fixture
def component(tmp_path: Path) -> list[dict[str, Any]]:
    """The operator and the component, built by a user's kustomization."""
    shutil.copytree(SIDECAR, tmp_path / "sidecar")
    (tmp_path / "operator.yaml").write_text(OPERATOR)
    (tmp_path / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "namespace": "ray-system",
                "resources": ["operator.yaml"],
                "components": ["sidecar", "sidecar/podmonitor"],
                "images": [{"name": "kuberay-exporter", "newName": "registry.example.com/exporter", "newTag": "9"}],
            }
        )
    )
    return kustomize(tmp_path)


def test_component_adds_a_container_and_changes_nothing_else(component: list[dict[str, Any]]) -> None:
    """The operator's container is still the first, which `kubectl logs` shows."""
    deployment, before = component[0], yaml.safe_load(OPERATOR)
    assert list(containers(deployment)) == ["kuberay-operator", "kuberay-exporter"]
    assert containers(deployment)["kuberay-exporter"]["image"] == "registry.example.com/exporter:9"
    deployment["spec"]["template"]["spec"]["containers"].pop()
    assert deployment == before


def test_ports_do_not_collide(component: list[dict[str, Any]]) -> None:
    """Neither by number, which is a flag, nor by name, by which the PodMonitor selects."""
    deployment, monitor = component
    both = containers(deployment)
    (port,) = both["kuberay-exporter"]["ports"]
    flags = both["kuberay-exporter"]["args"]
    assert serve_command.make_context(flags[0], flags[1:]).params["metrics_address"].port == port["containerPort"]
    assert port["containerPort"] not in OPERATOR_PORTS
    assert port["name"] not in [port["name"] for port in both["kuberay-operator"]["ports"]]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == port["name"]
    assert endpoint["honorLabels"] is True
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels.items() >= monitor["spec"]["selector"]["matchLabels"].items()
    assert monitor["metadata"]["namespace"] == deployment["metadata"]["namespace"]


def test_never_takes_the_operator_out_of_service(component: list[dict[str, Any]]) -> None:
    """It has no readiness probe, and its liveness does not depend on the API server."""
    exporter = containers(component[0])["kuberay-exporter"]
    assert "readinessProbe" not in exporter
    assert exporter["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "exporter"}


def test_is_restricted_by_itself(component: list[dict[str, Any]]) -> None:
    """Independently of the operator's pod."""
    context = containers(component[0])["kuberay-exporter"]["securityContext"]
    assert context == {
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "runAsGroup": 65534,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_patch_names_the_version() -> None:
    """As the tag of the image."""
    patch = yaml.safe_load((SIDECAR / "patch.yaml").read_text())
    assert containers(patch)["kuberay-exporter"]["image"] == f"kuberay-exporter:{__version__}"


CONFIGURATION = """
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: kuberay-operator-config
data:
  config.yaml: |
    kind: Configuration
    watchNamespace: "team-c"
"""

ARGUMENTS = "            - --watch-namespace\n            - team-a,team-b\n"


@pytest.mark.parametrize(
    ("manifests", "namespaces"),
    [
        (OPERATOR, "team-a,team-b"),
        (OPERATOR.replace(ARGUMENTS, ""), ""),
        (OPERATOR.replace(ARGUMENTS, "            - --watch-namespace=team-d\n"), "team-d"),
        (OPERATOR.replace("team-a,team-b", '"123"'), "123"),
        (OPERATOR.replace(ARGUMENTS, "") + CONFIGURATION, "team-c"),
    ],
    ids=["two arguments", "everywhere", "one argument", "quoted", "configuration file"],
)
def test_post_renderer_mirrors_the_operators_namespaces(manifests: str, namespaces: str) -> None:
    """For each form of the operator's configuration; with the requested image."""
    deployment = next(thing for thing in post_render(manifests) if thing["kind"] == "Deployment")
    assert list(containers(deployment)) == ["kuberay-operator", "kuberay-exporter"]
    exporter = containers(deployment)["kuberay-exporter"]
    assert watched(exporter) == namespaces
    assert exporter["image"] == IMAGE
    assert "readinessProbe" in containers(deployment)["kuberay-operator"]


def test_post_renderer_keeps_all_other_objects() -> None:
    """It adds a container, but adds or removes no object."""
    rendered = post_render(OPERATOR + CONFIGURATION)
    assert sorted(thing["kind"] for thing in rendered) == ["ConfigMap", "Deployment"]


def test_post_renderer_fails_where_there_is_no_operator() -> None:
    """Helm then installs nothing. A missing image is an error, too."""
    nameless = try_post_render(OPERATOR.replace("name: kuberay-operator", "name: ray-operator", 1), IMAGE)
    assert nameless.returncode == 1
    assert nameless.stderr == "post-render: the manifests have no Deployment kuberay-operator\n"
    assert nameless.stdout == ""
    assert "the image of the exporter is missing" in try_post_render(OPERATOR).stderr


def test_role_for_events_and_pods_has_two_verbs_for_the_operators_account() -> None:
    """It adds what the operator's own role may lack, and no more."""
    role, binding = yaml.safe_load_all((SIDECAR / "events-and-pods.yaml").read_text())
    assert role["rules"] == [{"apiGroups": [""], "resources": ["events", "pods"], "verbs": ["list", "watch"]}]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"][0]["name"] == yaml.safe_load(OPERATOR)["metadata"]["name"]
