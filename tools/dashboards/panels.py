"""The kinds of panels that the dashboards use, as JSON for Grafana 10 and later.

This module hides Grafana's JSON and its repeated parts. Positions on the grid are set in `board`.
"""

import string
from collections.abc import Sequence
from typing import Any, NamedTuple

from tools.dashboards import external

Json = dict[str, Any]

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

GREEN, ORANGE, RED, BLUE = "green", "orange", "red", "blue"

Steps = Sequence[tuple[float, str]]
"""Lower bounds of a value, each with the colour that applies from there on."""

RED_FROM_ONE: Steps = ((1, RED),)
ORANGE_FROM_ONE: Steps = ((1, ORANGE),)

HIDDEN_LABELS = ("Time", "__name__", "job", "uid")
"""Labels that no table shows: namespace and name are enough to identify an object."""

COLUMN_TITLES = {
    "alertname": "alert",
    "deployment_status": "state",
    "exit_code": "exit code",
    "head_pod": "head pod",
    "head_service": "head service",
    "job_deployment_status": "state",
    "node_type": "node type",
    "owner_kind": "owner kind",
    "owner_name": "owner",
    "ray_io_cluster": "RayCluster",
    "ray_version": "Ray version",
    "resource": "kind",
    "submission_mode": "submission mode",
    "time_zone": "time zone",
}
"""Titles of the columns whose label is not a title by itself."""

COLLECTORS_OFF_BY_DEFAULT = {"kuberay_cronjob": "raycronjobs", "kuberay_event": "events", "kuberay_pod": "pods"}
"""How the metrics of these collectors begin."""

# The minimum interval of a bar. $__rate_interval is then one scrape interval longer, so no event is in two bars.
BAR = "5m"


class Query(NamedTuple):
    """A query of a panel. `{{label}}` in the legend stands for the value of that label."""

    legend: str
    expr: str


class Panel(NamedTuple):
    """A panel without a position. `width` and `height` are units of Grafana's grid, which has 24 columns."""

    title: str
    width: int
    height: int
    body: Json


class Column(NamedTuple):
    """A column of a table that shows the values of a query."""

    title: str
    expr: str
    unit: str
    steps: Steps = ()


def stat(
    title: str,
    description: str,
    expr: str,
    *,
    unit: str = "short",
    steps: Steps = (),
    base_colour: str = GREEN,
    width: int = 3,
    legend: str = "",
) -> Panel:
    """A single current value or, if `legend` is set, the text of the legend.

    The query has to return 0 if there is nothing to count. `base_colour` applies below the first step.
    """
    options = {
        "colorMode": "value",
        "graphMode": "area" if not legend else "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "name" if legend else "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    targets = [{"expr": expr, "legendFormat": legend or title}]
    field = {"unit": unit, "color": {"mode": "thresholds"}, "thresholds": _thresholds(steps, base_colour)}
    return _panel("stat", title, description, width, 4, targets, options, field)


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str = "short",
    width: int = 12,
    stacked: bool = False,
    steps: Steps = (),
    maximum: float | None = None,
) -> Panel:
    """Lines over time. Stacked lines also show their sum."""
    field: Json = {
        "unit": unit,
        "min": 0,
        "color": {"mode": "palette-classic"},
        "thresholds": _thresholds(steps),
        "custom": {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 40 if stacked else 5,
            "showPoints": "auto",
            "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "line" if steps else "off"},
        },
    }
    if maximum is not None:
        field["max"] = maximum
    return _panel("timeseries", title, description, width, 8, _targets(queries), _legend(), field)


def bars(title: str, description: str, *queries: Query, width: int = 12) -> Panel:
    """Numbers of events, one stacked bar for each interval."""
    custom = {
        "drawStyle": "bars",
        "lineWidth": 0,
        "fillOpacity": 80,
        "stacking": {"mode": "normal", "group": "A"},
    }
    # Prometheus extrapolates increases: 1 can be 0.98.
    field = {"unit": "short", "decimals": 0, "min": 0, "color": {"mode": "palette-classic"}, "custom": custom}
    body = _panel("timeseries", title, description, width, 8, _targets(queries), _legend(), field)
    body.body["interval"] = BAR
    return body


def gauges(title: str, description: str, query: Query, *, unit: str = "short", width: int = 6) -> Panel:
    """The current value of each series as a horizontal bar."""
    options = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    field = {"unit": unit, "decimals": 0, "min": 0, "color": {"mode": "fixed", "fixedColor": BLUE}}
    targets = [{**target, "instant": True, "range": False} for target in _targets([query])]
    return _panel("bargauge", title, description, width, 8, targets, options, field)


def heatmap(title: str, description: str, expr: str, *, unit: str, width: int = 12) -> Panel:
    """The buckets of a histogram over time."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "fill": "dark-orange", "exponent": 0.5, "steps": 64},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"show": True, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "unit": unit, "reverse": False},
    }
    targets = [{"expr": expr, "legendFormat": "{{le}}", "format": "heatmap"}]
    panel = _panel("heatmap", title, description, width, 8, targets, options, {"unit": "short"})
    panel.body["interval"] = BAR
    return panel


def timeline(title: str, description: str, query: Query, states: dict[int, tuple[str, str]], width: int = 24) -> Panel:
    """The state of each series over time. `states` gives a text and a colour for each value."""
    options = {"mergeValues": True, "rowHeight": 0.8, "showValue": "auto", "alignValue": "left", **_legend()}
    mapping = {str(number): {"text": text, "color": colour} for number, (text, colour) in states.items()}
    field = {
        "unit": "none",
        "color": {"mode": "thresholds"},
        "custom": {"fillOpacity": 70, "lineWidth": 0},
        "mappings": [{"type": "value", "options": mapping}],
    }
    return _panel("state-timeline", title, description, width, 8, _targets([query]), options, field)


def table(
    title: str,
    description: str,
    labels: Sequence[str],
    columns: Sequence[Column],
    *,
    label_queries: Sequence[str] = (),
    links: dict[str, str] | None = None,
    sort: str = "",
    ascending: bool = False,
    width: int = 12,
    height: int = 8,
) -> Panel:
    """A row for each object: columns of labels, then columns of values, sorted by the column `sort`.

    Grafana joins the queries by their common labels. `label_queries` only add labels; their values are not shown.
    `links` maps a label to the address that opens when its column is clicked.
    """
    if "namespace" in labels:
        labels = [external.LABEL, *labels]
    exprs = [*(column.expr for column in columns), *label_queries]
    targets = [{"expr": expr, "format": "table", "instant": True, "range": False} for expr in exprs]
    # Grafana's field names for the values of the queries; only `Value` if a single query has a result.
    values = [f"Value #{letter}" for letter in string.ascii_uppercase[: len(exprs)]]
    shown = {"Value": columns[0].title, **dict(zip(values, (column.title for column in columns), strict=False))}
    organize = {
        "excludeByName": dict.fromkeys([*HIDDEN_LABELS, *values[len(columns) :]], True),
        "indexByName": {name: place for place, name in enumerate([*labels, *shown])},
        "renameByName": {label: COLUMN_TITLES[label] for label in labels if label in COLUMN_TITLES} | shown,
    }
    transformations = [{"id": "merge", "options": {}}] if len(exprs) > 1 else []
    transformations.append({"id": "organize", "options": organize})
    overrides = [_override(column.title, _column(column)) for column in columns]
    overrides += [_override(label, {"links": [_link(label, url)]}) for label, url in (links or {}).items()]
    options = {"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"], "fields": ""}}
    if sort:
        options["sortBy"] = [{"displayName": sort, "desc": not ascending}]
    field = {"unit": "none", "custom": {"align": "auto", "filterable": True}}
    panel = _panel("table", title, description, width, height, targets, options, field)
    panel.body["fieldConfig"]["overrides"] = overrides
    panel.body["transformations"] = transformations
    return panel


def _panel(
    kind: str,
    title: str,
    description: str,
    width: int,
    height: int,
    targets: Sequence[Json],
    options: Json,
    field: Json,
) -> Panel:
    expressions = " ".join(target["expr"] for target in targets)
    collectors = [name for prefix, name in COLLECTORS_OFF_BY_DEFAULT.items() if prefix in expressions]
    if collectors:
        needs = f"Needs --collectors with {' and '.join(collectors)}."
        description = f"{description} {needs}"
        # In a table it would be in each empty cell.
        field = field if kind == "table" else {**field, "noValue": needs}
    body = {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": [
            {"refId": letter, "datasource": DATASOURCE, "editorMode": "code", **target}
            for letter, target in zip(string.ascii_uppercase, targets, strict=False)
        ],
        "options": options,
        "fieldConfig": {"defaults": field, "overrides": []},
    }
    return Panel(title, width, height, body)


def _targets(queries: Sequence[Query]) -> list[Json]:
    return [{"expr": query.expr, "legendFormat": query.legend} for query in queries]


def _legend() -> Json:
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _thresholds(steps: Steps, base_colour: str = GREEN) -> Json:
    found = [{"value": None, "color": base_colour}, *({"value": value, "color": colour} for value, colour in steps)]
    return {"mode": "absolute", "steps": found}


def _column(column: Column) -> Json:
    properties: Json = {"unit": column.unit}
    if column.steps:
        properties["thresholds"] = _thresholds(column.steps)
        properties["custom.cellOptions"] = {"type": "color-text"}
    return properties


def _override(name: str, properties: Json) -> Json:
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


def _link(label: str, url: str) -> Json:
    return {"title": f"${{__data.fields.{label}}}", "url": url, "targetBlank": False}
