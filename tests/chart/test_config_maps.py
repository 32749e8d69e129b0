"""The chart's ConfigMaps of dashboards, for the sidecar of Grafana's chart."""

import gzip
import re
from pathlib import Path

from tests.support.boards import FILES
from tests.support.helm_chart import CHART, NAMESPACE, helm, refusal, template
from tools.rules import OPTIONAL

ALL_GROUPS = dict.fromkeys(OPTIONAL, True)


def test_there_is_none_by_default() -> None:
    """Not every cluster has a Grafana with that sidecar."""
    assert not template({}).of("ConfigMap")


def test_every_dashboard_has_a_config_map_with_its_text() -> None:
    """Without changes, although helm and Grafana both use braces."""
    maps = template({"dashboards": {"enabled": True}, "prometheusRule": {"groups": ALL_GROUPS}}).of("ConfigMap")
    data = {name: text for one in maps for name, text in one["data"].items()}
    assert data == {f"kuberay-{path.name}": path.read_text() for path in FILES}
    assert len({one["metadata"]["name"] for one in maps}) == len(maps) == len(FILES)


def config_map_texts(labels: list[str]) -> str:
    values = {"dashboards": {"enabled": True}, "prometheusRule": {"externalLabels": labels}}
    return "".join(text for one in template(values).of("ConfigMap") for text in one["data"].values())


def test_dashboards_have_the_external_labels_of_the_rules() -> None:
    """The first one is that of the variable; all of them keep objects apart. Without any, `cluster` has no effect."""
    usual = config_map_texts(["cluster"])
    assert config_map_texts([]) == usual
    changed = config_map_texts(["site", "region"])
    assert changed.count('site=~\\"$cluster\\"') == usual.count('cluster=~\\"$cluster\\"') > 100
    assert changed.count("site, region, namespace") == usual.count("cluster, namespace") > 100
    assert "label_values(kuberay_exporter_build_info, site)" in changed
    assert not re.search(r"(?<![\w$])cluster(=~|, namespace|\)\"|\}\})", changed)
    back = changed.replace("site, region, namespace", "cluster, namespace").replace("site", "cluster")
    assert back == usual


def test_the_sidecar_finds_them_in_its_namespace() -> None:
    """By the default label of Grafana's chart, and by other labels."""
    for one in template({"dashboards": {"enabled": True}}).of("ConfigMap"):
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["metadata"]["namespace"] == NAMESPACE
        assert "annotations" not in one["metadata"]
    values = {"namespace": "grafana", "labels": {"team": "ml"}, "annotations": {"grafana_folder": "Ray"}}
    for one in template({"dashboards": {"enabled": True, **values}}).of("ConfigMap"):
        assert one["metadata"]["labels"]["team"] == "ml"
        assert one["metadata"]["namespace"] == "grafana"
        assert one["metadata"]["annotations"] == {"grafana_folder": "Ray"}
    assert "at '/dashboards/labels/grafana_dashboard'" in refusal({"dashboards": {"labels": {"grafana_dashboard": 1}}})


def test_a_packaged_chart_has_them(tmp_path: Path) -> None:
    """A release has the compressed chart and its objects, and has to fit into one Secret of one megabyte."""
    assert helm("package", CHART, "--destination", tmp_path).returncode == 0
    (package,) = tmp_path.glob("*.tgz")
    everything = {"dashboards": {"enabled": True}, "prometheusRule": {"groups": ALL_GROUPS}}
    packaged = template(everything, chart=package)
    assert packaged.text == template(everything).text
    assert len(packaged.of("ConfigMap")) == len(FILES)
    # helm encodes the release in base64, and Kubernetes encodes the Secret again.
    assert (package.stat().st_size + len(gzip.compress(packaged.text.encode()))) * 16 / 9 < 500_000
