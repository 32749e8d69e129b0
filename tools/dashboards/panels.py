"""What a dashboard is made of: panels, tables, variables and links, as the JSON that Grafana 10 and later read.

It hides Grafana's JSON, all that repeats in it, and the layout. Grafana's own SDK was looked at: it types the options
of panels, but not links, overrides and transformations, which are most of what is here and can go wrong.
"""

import string
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

GREEN, ORANGE, RED, BLUE = "green", "orange", "red", "blue"

Steps = Sequence[tuple[float, str]]
"""Colours from these values on."""

SOME_ARE_BAD: Steps = ((1, RED),)
SOME_ARE_WORTH_A_LOOK: Steps = ((1, ORANGE),)

GRID_WIDTH = 24

HIDDEN_LABELS = ("Time", "__name__", "job", "uid")
"""Of tables: an object is known by its namespace and name."""

# The windows of histograms and counters: jobs are so rare that a shorter one mostly holds none.
WINDOW = "1h"

# A bar stands for at least so long, and $__rate_interval is then longer by one scrape: no end is in two bars.
BAR = "5m"


class Query(NamedTuple):
    """A line of a panel, or several: the legend has their labels in braces."""

    legend: str
    expr: str


class Panel(NamedTuple):
    """A panel without its place: `height` and `width` are in units of Grafana's grid, 24 to a row."""

    title: str
    width: int
    height: int
    body: Json


class Row(NamedTuple):
    """A heading, and the panels below it."""

    title: str
    panels: Sequence[Panel]


class Variable(NamedTuple):
    """A choice at the top of a dashboard: what a label can be."""

    name: str
    label: str
    expr: str


class Column(NamedTuple):
    """A column of a table: the values of a query."""

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
    lowest: str = GREEN,
    width: int = 3,
    legend: str = "",
) -> Panel:
    """One number now, or what the legend says instead. Nothing to count is 0, and the query has to say so.

    `lowest` is the colour below the first step.
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
    field = {"unit": unit, "color": {"mode": "thresholds"}, "thresholds": _thresholds(steps, lowest)}
    return _panel("stat", title, description, width, 4, targets, options, field)


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str = "short",
    width: int = 12,
    stacked: bool = False,
    steps: Steps = (),
    most: float | None = None,
) -> Panel:
    """Lines over time; stacked where their sum is worth seeing."""
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
    if most is not None:
        field["max"] = most
    return _panel("timeseries", title, description, width, 8, _targets(queries), _legend(), field)


def bars(title: str, description: str, *queries: Query, width: int = 12) -> Panel:
    """What happened, a stack for each interval of time."""
    custom = {
        "drawStyle": "bars",
        "lineWidth": 0,
        "fillOpacity": 80,
        "stacking": {"mode": "normal", "group": "A"},
    }
    # An increase is extrapolated: 1 may come as 0.98.
    field = {"unit": "short", "decimals": 0, "min": 0, "color": {"mode": "palette-classic"}, "custom": custom}
    body = _panel("timeseries", title, description, width, 8, _targets(queries), _legend(), field)
    body.body["interval"] = BAR
    return body


def gauges(title: str, description: str, query: Query, *, unit: str = "short", width: int = 6) -> Panel:
    """One bar for each legend, now."""
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
    """Buckets of a histogram over time."""
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


def timeline(title: str, description: str, query: Query, words: dict[int, tuple[str, str]], width: int = 24) -> Panel:
    """A band for each legend, whose colours are words for numbers."""
    options = {"mergeValues": True, "rowHeight": 0.8, "showValue": "auto", "alignValue": "left", **_legend()}
    mapping = {str(number): {"text": text, "color": colour} for number, (text, colour) in words.items()}
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
    infos: Sequence[str] = (),
    links: dict[str, str] | None = None,
    sort: str = "",
    ascending: bool = False,
    width: int = 12,
    height: int = 8,
) -> Panel:
    """Rows of objects: labels, then the values of the columns, sorted by one of them.

    The queries are joined by the labels that they all have. `infos` are queries for the sake of further labels alone.
    `links` are addresses by the label that is clicked.
    """
    exprs = [*(column.expr for column in columns), *infos]
    targets = [{"expr": expr, "format": "table", "instant": True, "range": False} for expr in exprs]
    # Grafana's names of the queries' values; without a letter where only one of them has a result.
    values = [f"Value #{letter}" for letter in string.ascii_uppercase[: len(exprs)]]
    shown = {"Value": columns[0].title, **dict(zip(values, (column.title for column in columns), strict=False))}
    organize = {
        "excludeByName": dict.fromkeys([*HIDDEN_LABELS, *values[len(columns) :]], True),
        "indexByName": {name: place for place, name in enumerate([*labels, *shown])},
        "renameByName": shown,
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


def dashboard(
    uid: str, title: str, description: str, variables: Sequence[Variable], rows: Sequence[Row], *, time: str = "now-6h"
) -> Json:
    """Return the JSON of a dashboard; its name in addresses is the `uid`."""
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
        "templating": {"list": [_datasource_variable(), *map(_variable, variables)]},
        "panels": _laid_out(rows),
    }


def address(uid: str, namespace: str = "namespace", name: str = "name") -> str:
    """Return where a row of a table leads to: a dashboard, of the object that these labels name.

    `uid` may have a label in `${__data.fields.…}` itself.
    """
    chosen = f"var-namespace=${{__data.fields.{namespace}}}&var-name=${{__data.fields.{name}}}"
    return f"/d/{uid}?${{datasource:queryparam}}&{chosen}&${{__url_time_range}}"


def _laid_out(rows: Sequence[Row]) -> list[Json]:
    """Panels side by side, from left to right, each row of them as high as its highest."""
    panels: list[Json] = []
    x = y = height = 0
    for row in rows:
        y += height
        place = {"x": 0, "y": y, "w": GRID_WIDTH, "h": 1}
        panels.append(
            {
                "id": _id(row.title),
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "gridPos": place,
                "panels": [],
            }
        )
        x, y, height = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > GRID_WIDTH:
                x, y, height = 0, y + height, 0
            place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
            panels.append({"id": _id(panel.title), **panel.body, "gridPos": place})
            x, height = x + panel.width, max(height, panel.height)
    return panels


def _id(title: str) -> int:
    """A number that stays when other panels come and go: users link to panels by it."""
    return zlib.crc32(title.encode()) & 0x7FFFFFFF


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


def _thresholds(steps: Steps, lowest: str = GREEN) -> Json:
    found = [{"value": None, "color": lowest}, *({"value": value, "color": colour} for value, colour in steps)]
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


def _variable(variable: Variable) -> Json:
    return {
        "type": "query",
        "name": variable.name,
        "label": variable.label,
        "datasource": DATASOURCE,
        "query": {"query": variable.expr, "refId": variable.name},
        "definition": variable.expr,
        "regex": "",
        # On every change of the time: objects come and go.
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "multi": True,
        "includeAll": True,
        # Shorter than all the names, and it also matches series without the label.
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }
