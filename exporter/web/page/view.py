"""What the templates show: a snapshot cut to what an address asks for, and whether it is up to date."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.finding import Evidence, Finding
from exporter.diagnosis.phrases import duration
from exporter.kinds import DIAGNOSED
from exporter.views.views import ObjectPage, ObjectView, Reference, page_of, with_details
from exporter.web.page.address import HEALTHY, PAGE_SIZE, Address
from exporter.web.page.words import amount, title
from exporter.web.snapshot import HOURS, Snapshot, Summary
from exporter.web.status import ExporterStatus

FIGURES = (
    ("jobs running", "RayJob", "Running"),
    ("jobs waiting", "RayJob", "New,Initializing,Waiting,Retrying"),
    ("jobs failed", "RayJob", "Failed"),
    ("clusters ready", "RayCluster", "Ready"),
    ("services ready", "RayService", "Ready,Upgrading"),
)
"""Texts with the kind and the states of objects that they count."""

SEVERITIES = {"critical": "◆", "warning": "▲", "info": "●", HEALTHY: "✓"}
"""Each with its shape, so that nobody needs its colour."""

MAX_LABELS = 2
"""Of a row."""


class Freshness(NamedTuple):
    """Whether what is shown is what the cluster has.

    Attributes:
        tone: `good`, `warn` or `bad`.
        problems: what is missing, each with what to do.
    """

    tone: str
    text: str
    problems: Sequence[str]


class Choice(NamedTuple):
    """A filter that is a link.

    Attributes:
        hours: objects with findings in each of the last hours, None for an hour of which nothing is known.
    """

    text: str
    number: str
    href: str
    is_chosen: bool = False
    tone: str = ""
    hours: Sequence[int | None] = ()


class Row(NamedTuple):
    """One object in the table.

    Attributes:
        lead: the finding that the row shows: the worst one, or the one that the filter asks for.
        clusters: of a job or service, those that have no row of their own.
        more: how many rows of the same cause are left out.
        page: with its lists, if the row is open.
    """

    key: str
    view: ObjectView
    lead: Finding | None
    labels: Mapping[str, str]
    managed_by: str
    clusters: Sequence[ObjectView] = ()
    more: int = 0
    page: ObjectPage | None = None


def freshness(status: ExporterStatus, remedy: str, now: datetime) -> Freshness:
    """Return whether the exporter has all changes; `remedy` says how to have pods and Events read, "" if they are."""
    kinds = status.kinds()
    problems = [kind.problem for kind in kinds if kind.problem]
    problems += [f"Some causes cannot be found: {remedy}."] if remedy else []
    if reason := status.why_not_ready():
        return Freshness("bad", f"Not ready: {reason}", problems)
    stale = [kind for kind in kinds if kind.stale_since is not None]
    if not stale:
        return Freshness("warn" if problems else "good", "Connected, up to date", problems)
    since = datetime.fromtimestamp(min(kind.stale_since or 0.0 for kind in stale), UTC)
    what = "" if len(stale) == len(kinds) else f" for {', '.join(kind.name for kind in stale)}"
    lasting = duration(max(0.0, (now - since).total_seconds()))
    text = f"No connection to the API server{what} for {lasting}; what you see is from {since:%H:%M:%S}"
    return Freshness("bad", text, problems)


class PageView:
    """The parts of the page for one address. Cheap parts are made when a template asks for them."""

    def __init__(self, snapshot: Snapshot, address: Address, allowed: Mapping[str, Sequence[str]]) -> None:
        """`allowed` has the keys of the labels that may be shown, by kind."""
        self.now = snapshot.time
        self.summary: Summary = snapshot.summary
        self._snapshot = snapshot
        self._address = address
        self._allowed = allowed
        # By kind and state, of what passes the other filters.
        self._numbers = Counter(
            (one.kind, one.state) for one in address.select(snapshot.entries, self._labels, "kind", "state")
        )
        found, clusters = self._select()
        own = [clusters.get(key_of(view), ()) for view in found if view.findings] if clusters else []
        self.objects = len(found) + len({cluster.uid for of_one in own for cluster in of_one})
        found, self._more = self._one_of_each_cause(found)
        self.total = len(found)
        self.start = min(address.start, self.total)
        self.end = min(self.start + PAGE_SIZE, self.total)
        self.rows = [self._row(view, clusters.get(key_of(view), ())) for view in found[self.start : self.end]]
        self.namespaces = sorted({view.namespace for view in snapshot.entries})[:200]

    def severities(self) -> list[Choice]:
        """Return the numbers of rows by severity."""
        views, _ = self._select("severity")
        numbers = Counter(view.severity or HEALTHY for view in views)
        return [self._choice("severity", name, title(name), numbers[name], name) for name in SEVERITIES]

    def causes(self) -> list[Choice]:
        """Return the numbers of rows by cause: the chosen one, then the worst, of these the most frequent first."""
        views, _ = self._select("cause")
        numbers = Counter(cause for view in views for cause in {one.cause for one in view.findings})
        chosen = {cause for cause in Cause if cause == self._address.get("cause")}
        ordered = sorted(
            numbers.keys() | chosen,
            key=lambda cause: (cause not in chosen, cause.severity.rank, -numbers[cause], cause),
        )
        return [self._choice("cause", cause, title(cause), numbers[cause], cause.severity) for cause in ordered]

    def kinds(self) -> list[Choice]:
        """Return the numbers of objects by kind; of kinds that the fleet has."""
        titles = {"": "All"} | {name: kind.title for name, kind in DIAGNOSED.items() if name in self.summary.kinds}
        return [
            self._choice("kind", name, text, self._number(name), state="")._replace(hours=self._hours_of(name))
            for name, text in titles.items()
        ]

    def _number(self, kind: str, *states: str) -> int:
        numbers = self._numbers.items()
        return sum(number for (of, state), number in numbers if kind in ("", of) and state in (states or (state,)))

    def _hours_of(self, kind: str) -> list[int | None]:
        hours = self._snapshot.unhealthy
        return [None if hour is None else hour[kind] if kind else hour.total() for hour in hours]

    def states(self) -> list[str]:
        """Return the states that the filter can have."""
        kind = self._address.get("kind")
        return sorted({state for of, state in self._numbers if kind in ("", of)} | {self._address.get("state")} - {""})

    def figures(self) -> list[Choice]:
        """Return figures, each of which is a filter, and the GPUs of the whole fleet."""
        gpus, found = self.summary.gpus, []
        for text, kind, states in FIGURES:
            number, total = self._number(kind, *states.split(",")), self._number(kind)
            shown = f"{amount(number)} of {amount(total)}" if kind != "RayJob" else amount(number)
            found.append(self._choice("state", states, text, number, kind=kind)._replace(number=shown))
        return [*found, Choice("GPUs ready", f"{amount(gpus.ready)} of {amount(gpus.requested)}", "")]

    def hours(self) -> list[tuple[int, int]]:
        """Return complete and failed jobs of each of the last 24 hours."""
        last = self.now.replace(minute=0, second=0)
        by_hour = {hour.time: (hour.complete, hour.failed) for hour in self.summary.jobs_by_hour}
        return [by_hour.get(last - timedelta(hours=index), (0, 0)) for index in reversed(range(HOURS))]

    def role(self, view: ObjectView, other: Reference) -> str:
        """Return what a related object is for this one."""
        for role in ("active", "pending"):
            if view.details.get(role, {}).get("rayCluster") == other.name:
                return role
        if view.kind == "RayCronJob" or other.kind == "RayCluster":
            return ""
        return "created by"

    def _select(self, without: str = "") -> tuple[list[ObjectView], Mapping[str, Sequence[ObjectView]]]:
        """Return the objects that pass all filters but one, and by their keys the clusters that are on their rows.

        A cluster is on the row of its job or service, with the severity of this one, if the latter has all of its
        findings. It has a row of its own if it is open.
        """
        found = self._address.select(self._snapshot.entries, self._labels, "severity", without)
        fleet, severity = self._snapshot.fleet, self._address.get("severity") if without != "severity" else ""
        clusters = {key_of(view): view for view in found if view.kind == "RayCluster" and view.findings}
        shared: dict[str, list[ObjectView]] = {}
        for view in found if clusters else ():
            obj = fleet.find(view.kind, view.namespace, view.name) if view.findings else None
            for name in fleet.kind(obj).cluster_names(obj) if obj else ():
                cluster = clusters.get(f"RayCluster/{view.namespace}/{name}")
                if cluster and key_of(cluster) not in self._address.open and _shown(view) >= _shown(cluster):
                    shared.setdefault(key_of(view), []).append(cluster)
        hidden = {cluster.uid for of_one in shared.values() for cluster in of_one}
        shown = [view for view in found if severity in ("", view.severity or HEALTHY) and view.uid not in hidden]
        return shown, shared

    def _choice(self, filter_: str, value: str, text: str, number: int, tone: str = "", **others: str) -> Choice:
        """Return a filter, which a second click removes; `others` are filters that it sets, too."""
        wanted = {filter_: value} | {name: other for name, other in others.items() if other}
        is_chosen = all(self._address.get(name) == one for name, one in wanted.items())
        href = self._address.link(**others, **{filter_: "" if is_chosen else value})
        return Choice(text, amount(number), href, is_chosen, tone)

    def _one_of_each_cause(self, found: list[ObjectView]) -> tuple[list[ObjectView], Mapping[str, int]]:
        """Return the rows, of those that one page cannot hold the first of each cause, and how many these stand for."""
        if len(found) <= PAGE_SIZE or self._address.sort != "severity" or self._address.get("cause"):
            return found, {}
        shown, first, more = [], dict[Cause, str](), Counter[str]()
        for view in found:
            key, cause = key_of(view), view.findings[0].cause if view.findings else None
            if cause in first and key not in self._address.open:
                more[first[cause]] += 1
            else:
                shown.append(view)
                first |= {cause: key} if cause else {}
        return shown, more

    def _row(self, view: ObjectView, clusters: Sequence[ObjectView]) -> Row:
        key, fleet = key_of(view), self._snapshot.fleet
        cause = self._address.get("cause")
        lead = next((one for one in view.findings if one.cause == cause), next(iter(view.findings), None))
        obj = fleet.find(view.kind, view.namespace, view.name)
        page = page_of(obj, fleet, self.now) if obj and key in self._address.open else None
        managed_by = getattr(getattr(obj, "spec", None), "managed_by", None) or ""
        labels = dict(list(self._labels(view).items())[:MAX_LABELS])
        return Row(key, with_details(view, fleet), lead, labels, managed_by, clusters, self._more.get(key, 0), page)

    def _labels(self, view: ObjectView) -> Mapping[str, str]:
        obj = self._snapshot.fleet.find(view.kind, view.namespace, view.name)
        labels: Mapping[str, Any] = (obj and obj.metadata.labels) or {}
        keys = self._allowed.get(view.kind, ())
        shown = labels if "*" in keys else [key for key in keys if key in labels]
        return {key: labels[key] or "" for key in shown}


def key_of(view: ObjectView) -> str:
    """Return what the address calls an object."""
    return f"{view.kind}/{view.namespace}/{view.name}"


def _shown(view: ObjectView) -> set[tuple[Cause, Sequence[Evidence]]]:
    """Return what findings show; their sentences may differ between an object and its cluster."""
    return {(one.cause, one.evidence) for one in view.findings}
