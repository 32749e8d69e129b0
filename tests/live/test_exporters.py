"""The number of exporters on the dashboard *KubeRay / Exporter*, with shards and without, tried by promtool."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.boards import QUERIES

PROMQL = next(query.promql for query in QUERIES if query.key == "kuberay-exporter: Exporters A")


def series(targets: int, shards: int, where: str) -> Iterator[tuple[str, int]]:
    """Yield the series of this number of targets, of which each is a shard if there are several shards."""
    for target in range(targets):
        labels = f'{where}namespace="mon",instance="{target}"'
        yield f"kuberay_exporter_build_info{{{labels}}}", 1
        if shards > 1:
            yield f'kuberay_exporter_total_shards{{{labels},shard="{target % shards}"}}', shards


@pytest.mark.parametrize(
    ("targets", "shards", "clusters", "shown"),
    [
        pytest.param(0, 1, [""], 0, id="none"),
        pytest.param(1, 1, [""], 1, id="one"),
        pytest.param(2, 1, [""], 2, id="update"),
        pytest.param(4, 4, [""], 1, id="shards"),
        pytest.param(3, 4, [""], 0.75, id="missing shard"),
        pytest.param(5, 4, [""], 1.25, id="update of a shard"),
        pytest.param(1, 1, ['cluster="eu",', 'cluster="us",'], 1, id="two clusters"),
    ],
)
def test_each_shard_has_one_exporter(
    targets: int, shards: int, clusters: list[str], shown: float, tmp_path: Path
) -> None:
    """Green is only 1: fewer are red, more are orange."""
    found = [
        {"series": name, "values": f"{value}x2"} for where in clusters for name, value in series(targets, shards, where)
    ]
    case = {"expr": PROMQL, "eval_time": "1m", "exp_samples": [{"labels": "{}", "value": shown}]}
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump({"tests": [{"interval": "1m", "input_series": found, "promql_expr_test": [case]}]}))
    result = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
