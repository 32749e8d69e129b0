"""The values in deploy/stack fit together: releases, labels, addresses, intervals.

The other charts come from their own repositories, and are not rendered here.
"""

import re
from typing import Any
from xml.etree import ElementTree as ET

import yaml

from tests.support.boards import FILES
from tests.support.helm_chart import ROOT, template
from tools.rules import OPTIONAL

FOLDER = ROOT / "deploy" / "stack"
STACK_PAGE = (ROOT / "docs" / "stack.md").read_text()

INSTALLED = dict(
    re.findall(r"helm upgrade --install ([\w-]+) .*?-f deploy/stack/([\w-]+)\.yaml", STACK_PAGE, re.DOTALL)
)
"""The commands of the documentation: the file of each release."""


def values(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return found


def test_each_file_is_installed_by_a_command_of_the_documentation() -> None:
    """With the name of its release, in one namespace."""
    assert {path.stem: path.stem for path in FOLDER.glob("*.yaml")} == INSTALLED
    commands = re.findall(r"helm upgrade --install.*?(?=\$ |```)", STACK_PAGE, re.DOTALL)
    ours = [command for command in commands if "deploy/stack" in command]
    assert len(ours) == len(INSTALLED)
    assert all("--namespace monitoring" in command for command in ours)


def test_prometheus_selects_what_the_exporters_chart_creates() -> None:
    """By the label with the name of its release."""
    rendered = template(FOLDER / "kuberay-exporter.yaml")
    for kind in ("ServiceMonitor", "PrometheusRule"):
        assert rendered.one(kind)["metadata"]["labels"]["release"] in INSTALLED
    (endpoint,) = rendered.one("ServiceMonitor")["spec"]["endpoints"]
    prometheus = values("kube-prometheus-stack")["prometheus"]["prometheusSpec"]
    assert endpoint["interval"] == prometheus["evaluationInterval"]
    assert endpoint["honorLabels"]


def test_alertmanager_has_our_routes() -> None:
    """The chart reads the file of the command only as a template: it may contain none."""
    assert "--set-file alertmanager.stringConfig=deploy/prometheus/alertmanager.yaml" in STACK_PAGE
    assert values("kube-prometheus-stack")["alertmanager"]["tplConfig"]
    assert "{{" not in (ROOT / "deploy" / "prometheus" / "alertmanager.yaml").read_text()


def test_grafanas_sidecar_selects_the_dashboards() -> None:
    """In any namespace."""
    sidecar = values("kube-prometheus-stack")["grafana"]["sidecar"]["dashboards"]
    boards = [
        thing for thing in template(FOLDER / "kuberay-exporter.yaml").of("ConfigMap") if "-dashboard-" in str(thing)
    ]
    # Those of optional groups of rules are not among them.
    assert len(boards) == len(FILES) - len(OPTIONAL)
    assert all(board["metadata"]["labels"][sidecar["label"]] == sidecar["labelValue"] for board in boards)
    assert sidecar["searchNamespace"] == "ALL"


def test_grafana_and_alloy_have_the_address_of_loki() -> None:
    """Its Service has the name of the release, without a gateway, and asks for no tenant."""
    (source,) = values("kube-prometheus-stack")["grafana"]["additionalDataSources"]
    assert source["url"] == "http://loki.monitoring.svc:3100"
    assert f'url = "{source["url"]}/loki/api/v1/push"' in values("alloy")["alloy"]["configMap"]["content"]
    loki = values("loki")
    assert not loki["gateway"]["enabled"]
    assert not loki["loki"]["auth_enabled"]


def test_alloy_writes_the_labels_that_the_queries_select() -> None:
    """And keeps the containers whose logs they read."""
    content = values("alloy")["alloy"]["configMap"]["content"]
    queries = re.findall(r"```logql\n(.*?)```", STACK_PAGE, re.DOTALL)
    selectors = re.findall(r'(\w+)=~?"([^"]*)"', " ".join(re.findall(r"\{(\w+=[^}]*)\}", " ".join(queries))))
    assert selectors
    assert {label for label, _ in selectors} <= set(re.findall(r'target_label +=\s"(\w+)"', content))
    (kept,) = re.findall(r'regex += "(.*)"', content)
    containers = {value for label, value in selectors if label == "container"}
    assert all(re.fullmatch(kept, f"{name};") for name in containers)
    assert re.fullmatch(kept, "ray-head;head")
    assert not re.fullmatch(kept, "nginx;")


def test_picture_names_every_part() -> None:
    """Its text can be read by a screen reader, and is well formed."""
    picture = ET.parse(ROOT / "docs" / "images" / "stack.svg")
    text = " ".join(picture.getroot().itertext())
    for part in ("kuberay-exporter", "Prometheus", "Alertmanager", "Grafana", "Loki", "Alloy", "kube-state-metrics"):
        assert part in text
