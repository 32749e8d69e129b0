"""The parts of the page that the server renders: what a browser without JavaScript shows.

Every value is escaped here: names and messages contain text of other programs.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct, field

from exporter.web.status import ExporterStatus

KINDS = {"RayCluster": "Clusters", "RayJob": "Jobs", "RayService": "Services", "RayCronJob": "Cron jobs"}

COLUMNS = (
    ("name", "Name", "name"),
    ("namespace", "Namespace", ""),
    ("state", "State", "state"),
    ("finding", "Findings", "severity"),
    ("progress", "Progress", ""),
    ("age", "Age", "created"),
)
"""Class, heading, and the API's `sort` if the column can be sorted by. As in ui/rows.js."""

FALLING = ("severity", "created")

SEVERITY_TONES = {"critical": "bad", "warning": "warn", "info": "idle"}

Parameters = Mapping[str, list[str]]


class RowFinding(Struct):
    """A finding, as far as the table shows it."""

    sentence: str


class Row(Struct, rename="camel"):
    """An object of the API's list, as far as the table shows it."""

    kind: str
    namespace: str
    name: str
    state: str = ""
    created_at: datetime | None = None
    severity: str = ""
    findings: list[RowFinding] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)


class KindSummary(Struct):
    """Number of objects of one kind, by state."""

    total: int
    states: dict[str, int]


class Summary(Struct):
    """The fleet in figures, as far as the page shows them."""

    kinds: dict[str, KindSummary] = field(default_factory=dict)


class ObjectList(Struct):
    """The API's list."""

    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    summary: Summary = field(default_factory=Summary)
    total: int = 0
    next_page: str = field(default="", name="continue")
    items: list[Row] = field(default_factory=list)
    error: str = ""


def fragments(parameters: Parameters, code: int, body: bytes, status: ExporterStatus) -> dict[str, str]:
    """Return what replaces the placeholders of index.html, as HTML.

    `parameters` are those of the page's address, without empty ones; `code` and `body` are the API's answer for them.
    """
    listed = msgspec.json.decode(body, type=ObjectList)
    reason = status.why_not_ready()
    kind = _first(parameters, "kind")
    return {
        "tone": "bad" if reason else "good",
        "readiness": escape(f"Not ready: {reason}" if reason else "Ready"),
        "tabs": _tabs(listed.summary, kind, parameters),
        "hidden": "".join(
            f'<input type="hidden" name="{name}" value="{escape(value)}">'
            for name in ("kind", "sort")
            if (value := _first(parameters, name))
        ),
        "name": escape(_first(parameters, "name")),
        "namespace": escape(_first(parameters, "namespace")),
        "states": _states(listed.summary, kind, _first(parameters, "state")),
        "unhealthy": " checked" if _first(parameters, "healthy") == "false" else "",
        "message": escape(_message(code, listed)),
        "caption": f"{len(listed.items)} of {listed.total} objects",
        "columns": "".join(_heading(*column, parameters) for column in COLUMNS),
        "rows": "\n".join(_row(row, listed.time) for row in listed.items),
        "pages": _pages(parameters, listed.next_page),
        "watches": "".join(
            f"<tr><td>{escape(row.name)}</td><td>{row.objects}</td><td>{escape(row.state)}</td></tr>"
            for row in status.kinds()
        ),
    }


def _message(code: int, listed: ObjectList) -> str:
    if listed.error or code != 200:
        return listed.error or f"the API answered {code}"
    return "" if listed.items else "No object matches."


def _first(parameters: Parameters, name: str) -> str:
    return (parameters.get(name) or [""])[0]


def _address(parameters: Parameters, **changes: str) -> str:
    """Return the address of the page with other values, on its first page; "" removes a parameter."""
    kept = {name: values for name, values in parameters.items() if name not in changes and name != "continue"}
    return escape("?" + urlencode(kept | {name: value for name, value in changes.items() if value}, doseq=True))


def _tabs(summary: Summary, current: str, parameters: Parameters) -> str:
    total = sum(kind.total for kind in summary.kinds.values())
    tabs = [("", "All", total)]
    tabs += [(name, text, summary.kinds[name].total) for name, text in KINDS.items() if name in summary.kinds]
    return "".join(
        f'<a href="{_address(parameters, kind=name, state="")}"{_current(name == current)}>'
        f'{text} <span class="count">{count}</span></a>'
        for name, text, count in tabs
    )


def _current(is_current: bool) -> str:
    return ' aria-current="page"' if is_current else ""


def _states(summary: Summary, kind: str, current: str) -> str:
    names = {state for name, found in summary.kinds.items() if kind in ("", name) for state in found.states}
    options = ["", *sorted(names | {current} - {""})]
    return "".join(
        f'<option value="{escape(name)}"{" selected" if name == current else ""}>{escape(name) or "all"}</option>'
        for name in options
    )


def _heading(name: str, text: str, sort: str, parameters: Parameters) -> str:
    if not sort:
        return f'<th scope="col" class="{name}">{text}</th>'
    is_sorted = (_first(parameters, "sort") or "severity") == sort
    order = ("descending" if sort in FALLING else "ascending") if is_sorted else "none"
    address = _address(parameters, sort="" if sort == "severity" else sort)
    return f'<th scope="col" class="{name}" data-sort="{sort}" aria-sort="{order}"><a href="{address}">{text}</a></th>'


def _row(row: Row, time: datetime) -> str:
    more = f' <span class="muted">and {len(row.findings) - 1} more</span>' if len(row.findings) > 1 else ""
    finding = f'<span class="sentence">{escape(row.findings[0].sentence)}</span>{more}' if row.findings else ""
    cells = {
        "name": f'<strong>{escape(row.name)}</strong> <span class="kind">{escape(row.kind)}</span>',
        "namespace": escape(row.namespace),
        "state": escape(row.state),
        "finding": finding,
        "progress": escape(_progress(row.details, time)),
        "age": _duration((time - row.created_at).total_seconds()) if row.created_at else "",
    }
    columns = "".join(f'<td class="{name}">{cell}</td>' for name, cell in cells.items())
    return f'<tr data-tone="{SEVERITY_TONES.get(row.severity, "none")}">{columns}</tr>'


def _progress(details: Mapping[str, Any], time: datetime) -> str:
    """Return the figures that the script shows as bars."""
    if workers := details.get("workers"):
        return f"{workers.get('ready', 0)} of {workers.get('desired', 0)} workers"
    if (seconds := details.get("durationSeconds")) is not None:
        return _duration(seconds)
    if (started := details.get("startTime")) and not details.get("endTime"):
        return _duration((time - datetime.fromisoformat(started)).total_seconds())
    if (endpoints := details.get("serveEndpoints")) is not None:
        return f"{endpoints} endpoints"
    return str(details.get("schedule", ""))


def _duration(seconds: float) -> str:
    """Return a duration in its largest unit, such as `14 min`."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def _pages(parameters: Parameters, next_page: str) -> str:
    first = f'<a href="{_address(parameters)}">First page</a>' if _first(parameters, "continue") else ""
    following = _address(parameters, **{"continue": next_page})
    return first + (f' <a href="{following}">Next page</a>' if next_page else "")
