"""Findings as text, with colours or without: a chain for one object, one line for each of many, a live table.

The live table needs rich, which is an extra of the package.
"""

import importlib.util
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Self

import click
import msgspec

from exporter.diagnosis.causes import Severity
from exporter.diagnosis.finding import Finding
from exporter.diagnosis.fleet import Fleet
from exporter.diagnosis.phrases import age, ago, count, lasting, unsaid
from exporter.diagnosis.related import Known, Related
from exporter.errors import ApiError, ConfigError
from exporter.views.views import ObjectPage, ObjectView, PodRow, page_of, view_of, worst_first

if TYPE_CHECKING:
    from rich.table import Table

_COLOURS = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_ARROW = "←"

WIDE = 120
"""Columns of a terminal from which on the states have room beside whole names."""

INSTALL = "pip install rich"


class Reading(NamedTuple):
    """What was read: objects with their findings, the worst first.

    Attributes:
        fleet: None if an exporter has found them.
        warning: why they may be old, or ages be wrong; "" if there is no doubt.
    """

    views: Sequence[ObjectView]
    known: Known
    time: datetime
    fleet: Fleet | None = None
    warning: str = ""

    @classmethod
    def of(cls, fleet: Fleet, at: datetime | None) -> Self:
        time = at or datetime.now(UTC)
        views = sorted((view_of(obj, fleet, time) for obj in fleet), key=worst_first)
        later = sum(view.created_at is not None and view.created_at > time for view in views) if at else 0
        warning = f"--at is before the creation of {count(later, 'object')}: ages count from 0" if later else ""
        return cls(views, fleet.known, time, fleet, warning)

    def page(self, view: ObjectView) -> ObjectPage | ObjectView:
        """Return an object with its lists, if the fleet has been read."""
        obj = self.fleet and self.fleet.find(view.kind, view.namespace, view.name)
        return page_of(obj, self.fleet, self.time) if self.fleet and obj else view


def chain(view: ObjectView, known: Known, fleet: Fleet | None, now: datetime) -> Iterator[str]:
    """Yield the lines about one object: its state, what it waits for if there is a fleet, its findings."""
    yield click.style(_state_line(view, now), bold=True)
    if fleet and (obj := fleet.find(view.kind, view.namespace, view.name)):
        related = fleet.related(obj)
        for cluster, of_cluster in related.clusters:
            yield f"{_ARROW} {_state_line(view_of(cluster, fleet, now), now)}"
            yield from _pods(of_cluster)
        yield from _pods(related)
    if not view.findings:
        without = f" (without {missing})" if (missing := unread(known)) else ""
        yield f"{_ARROW} {click.style('healthy', fg='green')}: no finding{without}"
    for item in view.findings:
        yield from _finding(item, now)


def table(views: Iterable[ObjectView]) -> Iterator[str]:
    """Yield one line for each object that is not healthy."""
    rows = [view for view in views if view.findings]
    names = [f"{view.kind} {view.namespace}/{view.name}" for view in rows]
    width = max(map(len, names), default=0)
    for view, name in zip(rows, names, strict=True):
        more = f" (and {count(len(view.findings) - 1, 'more finding')})" if len(view.findings) > 1 else ""
        severity = click.style(f"{view.findings[0].severity.value:8}", fg=_COLOURS[view.findings[0].severity])
        yield f"{severity}  {printable(name):{width}}  {printable(view.findings[0].sentence)}{more}"


def printable(text: str) -> str:
    """Return a text without characters that could control a terminal: anyone can write an object's message."""
    return "".join(character if character.isprintable() else "?" for character in text)


class _Workers(msgspec.Struct, frozen=True):
    desired: int = 0
    ready: int | None = None
    available: int = 0


class _Figures(msgspec.Struct):
    """Details that are in the line of the state; what a running exporter answers may have other types."""

    workers: _Workers = _Workers()
    failed: int = 0


def _state_line(view: ObjectView, now: datetime) -> str:
    since = lasting(now, view.since)
    try:
        shown = msgspec.convert(view.details or {}, _Figures)
    except msgspec.ValidationError:
        shown = _Figures()
    figures, workers = "", shown.workers
    if workers.desired:
        number, what = (workers.available, "running") if workers.ready is None else (workers.ready, "ready")
        figures = f", {number} of {count(workers.desired, 'worker')} {what}"
    if shown.failed:
        figures = f", {count(shown.failed, 'failed attempt')}"
    return printable(f"{view.kind} {view.namespace}/{view.name}: {view.state}{since}{figures}")


def _pods(related: Related) -> Iterator[str]:
    """Yield one line with the number of pods in each status."""
    if related.pods:
        statuses = Counter(PodRow.of(pod).status for pod in related.pods)
        figures = ", ".join(f"{number} {status}" for status, number in statuses.most_common())
        pods = count(len(related.pods), "pod")
        yield printable(f"{_ARROW} {pods}: {figures}")


def _finding(item: Finding, now: datetime) -> Iterator[str]:
    severity = click.style(item.severity.value, fg=_COLOURS[item.severity], bold=True)
    yield f"{_ARROW} {severity}: {printable(item.sentence)} [{item.cause.value}]"
    for evidence in item.evidence:
        time = f",{when}" if (when := ago(now, evidence.time)) else ""
        message = f": {more}" if (more := unsaid(evidence.message, item.sentence)) else ""
        yield printable(f"    {evidence.kind} {evidence.name}, {evidence.field}{time}{message}")
    yield f"    {click.style('What helps:', bold=True)} {item.advice}"
    if item.runbook:
        yield f"    Runbook: docs/runbooks.md#{item.runbook}"
    if item.command:
        yield f"    Next: {printable(item.command)}"


def unread(known: Known) -> str:
    """Return the kinds that could not be read, "" if all could: without them, some causes cannot be seen."""
    kinds = (("RayClusters", known.clusters), ("pods", known.pods), ("Events", known.events))
    return ", ".join(name for name, is_known in kinds if not is_known)


def check_rich() -> None:
    """Raise ConfigError if rich is not installed: the image does not have it."""
    if importlib.util.find_spec("rich") is None:
        raise ConfigError(f"--watch needs the package rich: {INSTALL}")


def watch(
    read: Callable[[], Reading],
    interval_seconds: float,
    *,
    now: Callable[[], datetime] | None = None,
) -> None:
    """Show the objects that `read` returns, the worst first, and the warning, until Ctrl-C.

    A failed read is shown, and the last table stays.
    """
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    clock = now or (lambda: datetime.now(UTC))
    console = Console()
    views: Sequence[ObjectView] = ()
    error = ""
    with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
        while True:
            try:
                reading = read()
                views, error = reading.views, reading.warning
            except ApiError as exc:
                error = f"{exc}; the table is the last one that was read"
            # A line for the title, two for the header, one for the error.
            rows = max(1, console.size.height - 5)
            table = fleet_table(views, clock(), rows, is_wide=console.width >= WIDE)
            live.update(Group(table, Text(printable(error), style="red")), refresh=True)
            time.sleep(interval_seconds)


def fleet_table(views: Sequence[ObjectView], now: datetime, rows: int, *, is_wide: bool) -> "Table":
    """Return the table of the first `rows` objects; the title has the numbers of all. Only a wide one has states."""
    from rich.table import Table
    from rich.text import Text

    unhealthy = sum(not view.healthy for view in views)
    title = f"{len(views)} objects, {unhealthy} with findings, {now:%H:%M:%S}"
    table = Table(title=title, title_justify="left", expand=True, box=None, pad_edge=False)
    shown = views[:rows]
    names = [printable(f"{view.kind} {view.namespace}/{view.name}") for view in shown]
    table.add_column("severity", no_wrap=True, min_width=8)
    table.add_column("object", min_width=max(map(len, names), default=0), overflow="fold")
    if is_wide:
        table.add_column("state", no_wrap=True, min_width=12)
        table.add_column("since", no_wrap=True, min_width=11)
    table.add_column("finding", no_wrap=True, ratio=1, overflow="ellipsis")
    for view, name in zip(shown, names, strict=True):
        severity, colour = (view.severity.value, _COLOURS[view.severity]) if view.severity else ("healthy", "green")
        states = (Text(view.state), Text(age(now, view.since) if view.since else "")) if is_wide else ()
        finding = printable(view.findings[0].sentence) if view.findings else ""
        # Text, not markup: a message can contain brackets.
        table.add_row(Text(severity, style=colour), Text(name), *states, Text(finding))
    return table
