"""Which labels of objects become labels of series, and under which names."""

import pytest

from exporter.collectors.rayjob import RAYJOBS
from exporter.families.object_families import allowed_labels
from tests.support.objects import manifest, series


@pytest.mark.parametrize(
    ("labels", "allowed", "expected"),
    [
        pytest.param(None, ["team"], {}, id="no labels"),
        pytest.param({"team": "vision", "other": "x"}, ["team"], {"label_team": "vision"}, id="only what is allowed"),
        pytest.param({"team": "vision"}, ["team", "absent"], {"label_team": "vision"}, id="absent"),
        pytest.param({"a": "1", "b": None}, ["*"], {"label_a": "1", "label_b": ""}, id="wildcard, null value"),
        pytest.param(
            {"kueue.x-k8s.io/queue-name": "q"},
            ["*"],
            {"label_kueue_x_k8s_io_queue_name": "q"},
            id="characters replaced",
        ),
        pytest.param({"costCenter": "7"}, ["*"], {"label_cost_center": "7"}, id="snake case"),
        pytest.param({"größe": "7"}, ["*"], {"label_gr__e": "7"}, id="beyond ASCII"),
        pytest.param(
            {"a.b": "dot", "a/b": "slash", "a_b": "line"},
            ["*"],
            {"label_a_b_conflict1": "dot", "label_a_b_conflict2": "slash", "label_a_b_conflict3": "line"},
            id="conflict: numbered in the order of the keys",
        ),
        pytest.param(
            {"a.b": "dot", "a/b": "slash"}, ["a.b"], {"label_a_b": "dot"}, id="no conflict with what is not allowed"
        ),
        pytest.param(
            {"a-b": "1", "a.b": "2", "a_b_conflict1": "3"},
            ["*"],
            {"label_a_b_conflict2": "1", "label_a_b_conflict3": "2", "label_a_b_conflict1": "3"},
            id="a label that looks like a conflict",
        ),
    ],
)
def test_label_names(labels: dict[str, str | None] | None, allowed: list[str], expected: dict[str, str]) -> None:
    """kube-state-metrics' rules; two labels never get the same name."""
    assert allowed_labels(labels, allowed) == expected


def test_series_of_an_object_with_labels() -> None:
    """Names in order among the others, values escaped."""
    job = manifest(labels={"team": 'a"b\\c\n', "z": "1"})
    assert series(RAYJOBS, "kuberay_job_labels", job, user_labels=("*",)) == [
        'kuberay_job_labels{label_team="a\\"b\\\\c\\n",label_z="1",name="a",namespace="ns",uid="1"} 1'
    ]
