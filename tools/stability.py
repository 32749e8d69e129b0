"""Which metrics are STABLE, BETA, EXPERIMENTAL or DEPRECATED, and the lists of what a release had: `make released`.

docs/stability.md has the rules. The lists are compared with the code by tests/test_stability.py.
"""

import shutil
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from exporter.views.views import ObjectPage, ObjectView
from exporter.web.snapshot import Summary
from tests.support.boards import BOARDS, panels
from tests.support.complete_objects import COMPLETE
from tests.support.fleets import fleet_of
from tests.support.helm_chart import CHART, ROOT
from tools.families import reads
from tools.metrics import Metric, all_metrics
from tools.rules import NINE, OPTIONAL, RENDERED, rules_by_name

RELEASED = ROOT / "tests" / "testdata" / "released"

DEPRECATED: dict[str, str] = {}
"""Deprecated metrics by name, each with its successor, or with why there is none. They stay for two minor releases."""

NEW = frozenset(
    f"kuberay_{name}"
    for name in (
        "cluster_desired_extended_resources",
        "cluster_group_pod_extended_resources",
        "cluster_desired_resource_claims",
        "cluster_requested_extended_resource_seconds_total",
        "clusters_requested_extended_resource_seconds_total",
    )
)
"""New metrics, whose form may still change although a dashboard reads them: EXPERIMENTAL."""


JSON_TYPES = {
    bool: "boolean",
    datetime: "string",
    dict: "object",
    float: "number",
    int: "integer",
    list: "array",
    str: "string",
}


@cache
def read_by_what_is_shipped() -> frozenset[str]:
    """Return the metrics that rules and dashboards read."""
    files = (RENDERED, NINE, *OPTIONAL.values())
    rules = [rule["expr"] for path in files for rule in rules_by_name(path).values()]
    boards = [target["expr"] for board in BOARDS for panel in panels(board) for target in panel["targets"]]
    return frozenset().union(*map(reads, [*rules, *boards]))


def stability(metric: Metric) -> str:
    if metric.name in DEPRECATED:
        return "DEPRECATED"
    if metric.is_stable:
        return "STABLE"
    return "BETA" if metric.name in read_by_what_is_shipped() - NEW else "EXPERIMENTAL"


def metrics() -> str:
    """Return a line for each metric: name, type, stability and labels."""
    found = sorted(all_metrics().values())
    return "".join(f"{one.name} {one.type} {stability(one)} {','.join(one.labels)}\n" for one in found)


def api() -> str:
    """Return a line for each field of the API's objects and summary, with its type in JSON."""
    lines = set(details())

    def add(path: str, node: dict[str, Any], definitions: dict[str, Any], within: tuple[str, ...] = ()) -> None:
        if reference := node.get("$ref"):
            # A part can have parts of its own type.
            if within.count(reference) > 1:
                return
            within = (*within, reference)
            node = definitions[reference.rpartition("/")[2]]
        for option in node.get("anyOf", ()):
            add(path, option, definitions, within)
        if path and "type" in node:
            lines.add(f"{path} {node['type']}")
        for name, child in node.get("properties", {}).items():
            add(f"{path}.{name}", child, definitions, within)
        for part, suffix in (("items", "[]"), ("additionalProperties", ".*")):
            if isinstance(node.get(part), dict):
                add(f"{path}{suffix}", node[part], definitions, within)

    answers: dict[str, type] = {"summary": Summary, "items[]": ObjectView, "object": ObjectPage}
    for path, type_ in answers.items():
        schema = msgspec.json.schema(type_)
        add(path, schema, schema.get("$defs", {}))
    return "".join(f"{line}\n" for line in sorted(lines))


def details() -> Iterator[str]:
    """Yield a line for each field of the details of objects that have all of them."""
    for kind, version in COMPLETE:
        (obj,) = fleet = fleet_of((kind, version))
        yield from fields(f"details({kind})", fleet.kind(obj).details(obj))


def fields(path: str, value: Any) -> Iterator[str]:
    """Yield a line for each part of a value, with its type in JSON."""
    yield f"{path} {JSON_TYPES[type(value)]}"
    for name, child in value.items() if isinstance(value, dict) else ():
        yield from fields(f"{path}.{name}", child)
    for child in value if isinstance(value, list) else ():
        yield from fields(f"{path}[]", child)


def rules() -> str:
    """Return a line for each alert and each recorded series."""
    return "".join(f"{name}\n" for name in sorted(rules_by_name(RENDERED, *OPTIONAL.values())))


def main() -> None:
    RELEASED.mkdir(exist_ok=True)
    for name, text in (("metrics", metrics()), ("api", api()), ("rules", rules())):
        (RELEASED / f"{name}.txt").write_text(text)
    shutil.copy(ROOT / "deploy" / "kubernetes" / "kuberay-exporter.yaml", RELEASED / "manifests.yaml")
    shutil.rmtree(RELEASED / "values", ignore_errors=True)
    shutil.copytree(CHART / "ci", RELEASED / "values")


if __name__ == "__main__":
    main()
