"""The LogQL queries of the documentation select what is logged. `make logql` parses them with Grafana's grammar."""

import re
from typing import NamedTuple

import pytest

from exporter.logs.configuration import LEVELS
from tests.support.helm_chart import ROOT

POD_LABELS = {"namespace", "pod", "container"}
"""Labels that every collector of pod logs adds; docs/stack.md asks for them."""

FIELDS = {
    "kuberay-exporter": {"level", "ts", "logger", "msg", "resource", "namespace_extracted"}
    | {"kind", "name", "uid", "type", "reason", "action", "message", "count", "occurrences", "event_uid"}
    | {"ended", "status", "attempts", "cluster", "queue", "job_id", "label_team", "gpu_seconds", "total_seconds"},
    "kuberay-operator": {"level", "ts", "logger", "msg", "error", "reconcileID"}
    | {f"{kind}_{field}" for kind in ("RayCluster", "RayJob") for field in ("name", "namespace")}
    | {f"{age}_{status}" for age in ("old", "new") for status in ("JobStatus", "JobDeploymentStatus")},
}
"""Fields of each container's lines, as LogQL's `json` names them: one with the name of a label of the stream gets
`_extracted`. A reconcile error of the operator has no field `controller`: KubeRay replaces controller-runtime's
logger, and its name is in `logger`."""


class Query(NamedTuple):
    text: str

    @property
    def selector(self) -> dict[str, str]:
        """Labels of the stream, with their values."""
        return dict(re.findall(r'(\w+)="([^"]*)"', self.text.partition("}")[0]))

    @property
    def filters(self) -> dict[str, str]:
        """Fields after the selector that are compared with a text."""
        return dict(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', self.text.partition("}")[2]))

    @property
    def fields(self) -> set[str]:
        """Every field that the query reads: filters, groups and templates, but for those that it makes itself."""
        rest = self.text.partition("}")[2]
        made = set(re.findall(r"label_format (\w+)=", rest))
        groups = {name for names in re.findall(r"by \(([\w, ]+)\)", self.text) for name in names.split(", ")}
        templates = set(re.findall(r"\.(\w+)", " ".join(re.findall(r"{{.*?}}", rest))))
        return (set(self.filters) | groups | templates) - made


def queries() -> list[Query]:
    pages = sorted((ROOT / "docs").glob("*.md"))
    block = re.compile(r"^```logql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [Query(text) for page in pages for text in block.findall(page.read_text())]


def test_there_are_queries_on_both_programs() -> None:
    """The tests below find them."""
    assert {query.selector["container"] for query in queries()} == set(FIELDS)


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.text.splitlines()[0][:60])
def test_query_reads_labels_and_fields_that_exist(query: Query) -> None:
    """Loki finds nothing, without an error, if a name is wrong."""
    assert set(query.selector) <= POD_LABELS
    assert query.fields <= FIELDS[query.selector["container"]]


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.text.splitlines()[0][:60])
def test_query_compares_with_levels_that_are_written(query: Query) -> None:
    """Both programs write `warn`, not `warning`."""
    assert set(query.filters.get("level", "info").split("|")) <= set(LEVELS)


def test_messages_of_the_exporter_in_the_documentation_are_in_its_code() -> None:
    """docs/stack.md lists messages to search for; `list` and `watch` are arguments of a message."""
    code = "".join(path.read_text() for path in sorted((ROOT / "exporter").rglob("*.py")))
    rows = [line for line in (ROOT / "docs" / "stack.md").read_text().splitlines() if "| exporter |" in line]
    messages = [text for row in rows for text in re.findall(r"`([^`]+)`", row)]
    assert len(messages) >= 4
    for message in messages:
        assert re.sub(r"^(?:list|watch) ", "", message).rstrip("…").rstrip(": ") in code, message
