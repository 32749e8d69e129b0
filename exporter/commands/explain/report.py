"""Findings as text, with colours or without: a chain for one object, one line for each of many."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

import click
import msgspec

from exporter.diagnosis.causes import Severity
from exporter.diagnosis.finding import Finding
from exporter.diagnosis.fleet import Fleet
from exporter.diagnosis.phrases import age, count, unsaid
from exporter.diagnosis.related import Known, Related
from exporter.views.views import ObjectView, PodRow, view_of

_COLOURS = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_ARROW = "←"


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
    since = f" for {age(now, view.since)}" if view.since else ""
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
        time = f", {age(now, evidence.time)} ago" if evidence.time else ""
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
