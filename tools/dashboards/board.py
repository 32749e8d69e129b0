"""A dashboard as a whole: its variables, rows, layout and links.

This module hides Grafana's JSON around the panels. A panel's id depends only on its title, so links to panels stay
valid when other panels are added or removed.
"""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

from tools.dashboards import external
from tools.dashboards.panels import DATASOURCE, Json, Panel

GRID_WIDTH = 24

SELECTED = f"${{datasource:queryparam}}&${{{external.LABEL}:queryparam}}"
"""The part of a link that keeps the data source and the selected clusters."""

CLUSTERS = f"label_values(kuberay_exporter_build_info, {external.LABEL})"
"""The query of the variable of clusters; it has no values where series have no such label."""


class Row(NamedTuple):
    """A heading and the panels below it. Collapsed, its panels send no queries until somebody opens it."""

    title: str
    panels: Sequence[Panel]
    is_collapsed: bool = False


class Variable(NamedTuple):
    """A drop-down list at the top of a dashboard with the values of a label."""

    name: str
    label: str
    expr: str


def object_variables(kind: str, info: str) -> list[Variable]:
    """Return the lists of namespaces and names of one kind, from its `_info` family."""
    return [
        Variable("namespace", "Namespace", f"label_values({info}, namespace)"),
        Variable("name", kind, f'label_values({info}{{namespace=~"$namespace"}}, name)'),
    ]


class TextVariable(NamedTuple):
    """A field at the top of a dashboard for any text, with its first value."""

    name: str
    label: str
    value: str


def dashboard(
    uid: str,
    title: str,
    description: str,
    variables: Sequence[Variable],
    rows: Sequence[Row],
    *,
    texts: Sequence[TextVariable] = (),
    time: str = "now-6h",
) -> Json:
    """Return the JSON of a dashboard. Its address contains the `uid`."""
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["kuberay"],
        "schemaVersion": 38,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": time, "to": "now"},
        "timezone": "",
        "annotations": {"list": []},
        "links": [
            {
                "title": "KubeRay",
                "type": "dashboards",
                "tags": ["kuberay"],
                "asDropdown": True,
                "includeVars": False,
                "keepTime": True,
                "icon": "external link",
                "tooltip": "",
                "url": "",
                "targetBlank": False,
            }
        ],
        "templating": {
            "list": [
                _datasource_variable(),
                _variable(Variable(external.LABEL, "Cluster", CLUSTERS)),
                *(_variable(each._replace(expr=external.values_of(each.expr))) for each in variables),
                *(_text_variable(each) for each in texts),
            ]
        },
        "panels": _laid_out(rows),
    }


def address(uid: str, namespace: str = "namespace", name: str = "name") -> str:
    """Return the address of a dashboard for the object in a table row, for the links of `table`.

    `namespace` and `name` are the labels that identify the object. `uid` can contain a label as
    `${__data.fields.label}`.
    """
    chosen = f"var-namespace=${{__data.fields.{namespace}}}&var-name=${{__data.fields.{name}}}"
    return f"/d/{uid}?{SELECTED}&{chosen}&${{__url_time_range}}"


def _laid_out(rows: Sequence[Row]) -> list[Json]:
    """Place rows below each other. What a collapsed row contains takes no place."""
    laid_out: list[Json] = []
    y = 0
    for row in rows:
        panels = _placed(row.panels, y + 1)
        inside, below = (panels, []) if row.is_collapsed else ([], panels)
        place = {"x": 0, "y": y, "w": GRID_WIDTH, "h": 1}
        heading = {"type": "row", "title": row.title, "collapsed": row.is_collapsed, "gridPos": place, "panels": inside}
        laid_out += [{"id": _id(row.title), **heading}, *below]
        y = max((panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in below), default=y + 1)
    return laid_out


def _placed(panels: Sequence[Panel], y: int) -> list[Json]:
    """Place panels from left to right. A line of panels is as high as its highest panel."""
    placed: list[Json] = []
    x = height = 0
    for panel in panels:
        if x + panel.width > GRID_WIDTH:
            x, y, height = 0, y + height, 0
        place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
        placed.append({"id": _id(panel.title), **_of_clusters(panel.body), "gridPos": place})
        x, height = x + panel.width, max(height, panel.height)
    return placed


def _of_clusters(body: Json) -> Json:
    """Return a panel whose queries select clusters and keep them apart."""
    targets = [target | {"expr": external.query(target["expr"])} for target in body["targets"]]
    for target in targets:
        if "legendFormat" in target:
            target["legendFormat"] = external.legend(target["legendFormat"])
    return body | {"targets": targets}


def _id(title: str) -> int:
    """Return a number that does not change when other panels are added or removed."""
    return zlib.crc32(title.encode()) & 0x7FFFFFFF


def _datasource_variable() -> Json:
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Prometheus",
        "query": "prometheus",
        "regex": "",
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "refresh": 1,
        "current": {},
    }


def _text_variable(variable: TextVariable) -> Json:
    return {
        "type": "textbox",
        "name": variable.name,
        "label": variable.label,
        "query": variable.value,
        "hide": 0,
        "current": {"text": variable.value, "value": variable.value},
    }


def _variable(variable: Variable) -> Json:
    return {
        "type": "query",
        "name": variable.name,
        "label": variable.label,
        "datasource": DATASOURCE,
        "query": {"query": variable.expr, "refId": variable.name},
        "definition": variable.expr,
        "regex": "",
        # Reload the values when the time range changes, because objects are created and deleted.
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "multi": True,
        "includeAll": True,
        # Shorter than a list of all values, and it also matches series without the label.
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }
