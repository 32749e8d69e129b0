"""What the templates show: a snapshot cut to what an address asks for, and whether it is up to date."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.finding import Finding
from exporter.diagnosis.phrases import duration
from exporter.kinds import DIAGNOSED
from exporter.views.summary import Summary
from exporter.views.views import ObjectPage, ObjectView, Reference, page_of, with_details
from exporter.web.page.address import HEALTHY, PAGE_SIZE, Address
from exporter.web.page.words import amount, words
from exporter.web.snapshot import HOURS, Snapshot
from exporter.web.status import ExporterStatus

WAITING = ("New", "Initializing", "Waiting", "Retrying")

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
        page: with its lists, if the row is open.
    """

    key: str
    view: ObjectView
    lead: Finding | None
    labels: Mapping[str, str]
    managed_by: str
    clusters: Sequence[ObjectView] = ()
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
        found, clusters = self._select()
        self.total = len(found)
        own = [clusters.get(key_of(view), ()) for view in found if view.findings] if clusters else []
        self.objects = self.total + len({cluster.uid for of_one in own for cluster in of_one})
        self.start = min(address.start, self.total)
        self.end = min(self.start + PAGE_SIZE, self.total)
        self.rows = [self._row(view, clusters.get(key_of(view), ())) for view in found[self.start : self.end]]
        self.namespaces = sorted({view.namespace for view in snapshot.entries})[:200]

    def severities(self) -> list[Choice]:
        """Return the numbers of rows by severity."""
        views, _ = self._select("severity")
        numbers = Counter(view.severity or HEALTHY for view in views)
        return [
            self._choice("severity", name, "Healthy" if name == HEALTHY else name.capitalize(), numbers[name])
            for name in SEVERITIES
        ]

    def causes(self) -> list[Choice]:
        """Return the numbers of rows by cause: the chosen one, then the worst, of these the most frequent first."""
        views, _ = self._select("cause")
        numbers = Counter(cause for view in views for cause in {one.cause for one in view.findings})
        chosen = {cause for cause in Cause if cause == self._address.get("cause")}
        ordered = sorted(
            numbers.keys() | chosen,
            key=lambda cause: (cause not in chosen, cause.severity.rank, -numbers[cause], cause),
        )
        return [self._choice("cause", cause, words(cause), numbers[cause], cause.severity) for cause in ordered]

    def kinds(self) -> list[Choice]:
        kinds = self.summary.kinds
        tabs = {"": ("All", sum(kind.total for kind in kinds.values()))}
        tabs |= {name: (kind.title, kinds[name].total) for name, kind in DIAGNOSED.items() if name in kinds}
        chosen = self._address.get("kind")
        return [
            Choice(
                text,
                amount(number),
                self._address.link(kind=kind, state=""),
                kind == chosen,
                hours=self._hours_of(kind),
            )
            for kind, (text, number) in tabs.items()
        ]

    def _hours_of(self, kind: str) -> list[int | None]:
        hours = self._snapshot.unhealthy
        return [None if hour is None else hour[kind] if kind else hour.total() for hour in hours]

    def states(self) -> list[str]:
        """Return the states that the filter can have."""
        kind = self._address.get("kind")
        found = {state for name, one in self.summary.kinds.items() if kind in ("", name) for state in one.states}
        return sorted(found | {self._address.get("state")} - {""})

    def figures(self) -> list[Choice]:
        """Return figures of the whole fleet; those of objects are filters."""
        kinds, gpus = self.summary.kinds, self.summary.gpus
        states = {kind: kinds[kind].states if kind in kinds else {} for kind in DIAGNOSED}
        jobs, services = states["RayJob"], states["RayService"]
        ready = sum(services.get(state, 0) for state in ("Ready", "Upgrading"))
        clusters = f"{amount(states['RayCluster'].get('Ready', 0))} of {amount(sum(states['RayCluster'].values()))}"
        return [
            Choice("jobs running", amount(jobs.get("Running", 0)), "?kind=RayJob&state=Running"),
            Choice("jobs waiting", amount(sum(jobs.get(state, 0) for state in WAITING)), ""),
            Choice("jobs failed", amount(jobs.get("Failed", 0)), "?kind=RayJob&state=Failed"),
            Choice("clusters ready", clusters, "?kind=RayCluster&state=Ready"),
            Choice("services ready", f"{amount(ready)} of {amount(sum(services.values()))}", "?kind=RayService"),
            Choice("GPUs ready", f"{amount(gpus.ready)} of {amount(gpus.requested)}", ""),
        ]

    def hours(self) -> tuple[list[tuple[float, float]], int, int]:
        """Return complete and failed jobs of the last 24 hours, each hour as shares of the highest; and both sums."""
        last = self.now.replace(minute=0, second=0)
        by_hour = {hour.time: hour for hour in self.summary.jobs_by_hour}
        hours = [by_hour.get(last - timedelta(hours=index)) for index in reversed(range(HOURS))]
        numbers = [(hour.complete, hour.failed) if hour else (0, 0) for hour in hours]
        highest = max(1, *(sum(pair) for pair in numbers))
        complete, failed = (sum(column) for column in zip(*numbers, strict=True))
        return [(good / highest, bad / highest) for good, bad in numbers], complete, failed

    def role(self, view: ObjectView, other: Reference) -> str:
        """Return what a related object is for this one."""
        for role in ("active", "pending"):
            if (one := getattr(view.details, role, None)) is not None and one.ray_cluster == other.name:
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
                if cluster and key_of(cluster) not in self._address.open and _has_all_of(view, cluster):
                    shared.setdefault(key_of(view), []).append(cluster)
        hidden = {cluster.uid for of_one in shared.values() for cluster in of_one}
        shown = [view for view in found if severity in ("", view.severity or HEALTHY) and view.uid not in hidden]
        return shown, shared

    def _choice(self, filter_: str, value: str, text: str, number: int, tone: str = "") -> Choice:
        is_chosen = self._address.get(filter_) == value
        href = self._address.link(**{filter_: "" if is_chosen else value})
        return Choice(text, amount(number), href, is_chosen, tone or value)

    def _row(self, view: ObjectView, clusters: Sequence[ObjectView]) -> Row:
        key = key_of(view)
        cause = self._address.get("cause")
        lead = next((one for one in view.findings if one.cause == cause), next(iter(view.findings), None))
        obj = self._snapshot.fleet.find(view.kind, view.namespace, view.name)
        page = page_of(obj, self._snapshot.fleet, self.now) if obj and key in self._address.open else None
        managed_by = getattr(getattr(obj, "spec", None), "managed_by", None) or ""
        labels = dict(list(self._labels(view).items())[:MAX_LABELS])
        return Row(key, with_details(view, self._snapshot.fleet), lead, labels, managed_by, clusters, page)

    def _labels(self, view: ObjectView) -> Mapping[str, str]:
        obj = self._snapshot.fleet.find(view.kind, view.namespace, view.name)
        labels: Mapping[str, Any] = (obj and obj.metadata.labels) or {}
        keys = self._allowed.get(view.kind, ())
        shown = labels if "*" in keys else [key for key in keys if key in labels]
        return {key: labels[key] or "" for key in shown}


def key_of(view: ObjectView) -> str:
    """Return what the address calls an object."""
    return f"{view.kind}/{view.namespace}/{view.name}"


def _has_all_of(view: ObjectView, cluster: ObjectView) -> bool:
    """Return whether an object has all findings of its cluster; the sentences may differ."""
    return {(one.cause, one.evidence) for one in view.findings} >= {
        (one.cause, one.evidence) for one in cluster.findings
    }
