"""What objects ask for, added up over time: counters that grow between events, such as GPU-seconds.

Exact between changes: an amount counts from the moment at which it is received to the moment at which the next
one is, by the exporter's monotonic clock. What was asked for before the exporter started is not known. While the API
server cannot be reached, or an object cannot be decoded, the last known amount goes on counting.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, NamedTuple

from prometheus_client import Metric
from prometheus_client.registry import Collector as RegistryCollector

from exporter.clock import Clock, SystemClock
from exporter.collectors.collector import add_samples
from exporter.collectors.limits import NO_REPORT
from exporter.collectors.namespaces import Namespaces
from exporter.collectors.table import Integral, Kind, T
from exporter.exposition.model import Family, Growth, Sample
from exporter.resources.meta import ObjectMeta

Growths = tuple[Growth | None, ...]
"""The counters of one object or namespace, family by family; None as long as there was nothing to count."""

_UNITS = 10**9
"""Amounts of a namespace are added as whole numbers of the smallest unit of a quantity, n: floats would drift."""

MAX_AMOUNT = 1e24
"""More than any cluster has of anything: a larger amount is a mistake, and must not make a counter infinite."""


class Amounts(NamedTuple, Generic[T]):
    """A version of an object, and what it asks for, row by row, in billionths."""

    obj: T
    values: tuple[int, ...]


class Touched(NamedTuple):
    """Whose amounts have changed: uids and namespaces, in order and each once."""

    uids: Iterable[str]
    namespaces: Iterable[str]


NOTHING_TOUCHED = Touched((), ())


class Account(NamedTuple):
    """The label values of an object or a namespace, and its counters."""

    labels: tuple[str, ...]
    growths: Growths

    def continued(self, amounts: tuple[int, ...], now: float) -> "Account":
        """Return the account with counters that grow by these amounts from now on."""
        growths = zip(self.growths, amounts, strict=True)
        return Account(self.labels, tuple([_continued(growth, amount / _UNITS, now) for growth, amount in growths]))


def _continued(growth: Growth | None, rate: float, now: float) -> Growth | None:
    if growth is None:
        return Growth(0.0, rate, now) if rate else None
    return growth if growth.rate == rate else Growth(growth.at(now), rate, now)


class Integrals(RegistryCollector, Generic[T]):
    """The integrals of one kind, by object and by namespace. Not for several threads at once: the caller has a lock.

    The counters of an object end with it; those of its namespace keep what it has added.
    """

    def __init__(
        self,
        kind: Kind[T, Any],
        family_filter: Callable[[str], bool] = lambda _: True,
        *,
        clock: Clock | None = None,
    ) -> None:
        """Prepare the rows that `family_filter` accepts by name; the others cost nothing."""
        rows = [row for row in kind.integrals if family_filter(row.name)]
        # The rows of objects come first, also in `Amounts`.
        self._rows = sorted(rows, key=lambda row: not row.is_per_object)
        self._per_object = sum(row.is_per_object for row in rows)
        families = [_family(row, kind.identity) for row in self._rows]
        self.object_families = tuple(families[: self._per_object])
        self.namespace_families = tuple(families[self._per_object :])
        self._clock = clock or SystemClock()
        self._namespaces = Namespaces(self._clock)
        # By uid: the namespace, and what the object asks for now.
        self._asked: dict[str, tuple[str, tuple[int, ...]]] = {}
        # By namespace: what its objects ask for together.
        self._sums: dict[str, tuple[int, ...]] = {}
        self.by_uid: dict[str, Account] = {}
        self.by_namespace: dict[str, Account] = {}

    def observe(self, obj: T) -> Amounts[T]:
        """Return what a version of an object asks for."""
        return Amounts(obj, tuple([_billionths(row.amount(obj)) for row in self._rows]))

    def on_change(self, changed: Iterable[Amounts[T]], removed: Iterable[T]) -> Touched:
        """Take these amounts into account; return what `advance` is to be called with."""
        if not self._rows:
            return NOTHING_TOUCHED
        touched = [*map(self._deleted, removed), *map(self._updated, changed)]
        known = [both for both in touched if both is not None]
        return Touched(dict.fromkeys(uid for uid, _ in known), dict.fromkeys(namespace for _, namespace in known))

    def advance(self, touched: Touched) -> tuple[dict[str, Account], dict[str, Account]]:
        """Let the counters grow by the new amounts from now on; return the accounts, by uid and by namespace.

        The caller makes them visible before anybody reads the clock for a scrape: a scrape in between would still
        show the old amount, and if that is the larger one, a later scrape would show less.
        """
        now = self._clock.monotonic()
        for uid in touched.uids:
            if uid in self._asked:
                _, values = self._asked[uid]
                self.by_uid[uid] = self.by_uid[uid].continued(values[: self._per_object], now)
        for namespace in touched.namespaces:
            if namespace in self._sums:
                self.by_namespace[namespace] = self.by_namespace[namespace].continued(self._sums[namespace], now)
        return (
            {uid: self.by_uid[uid] for uid in touched.uids if uid in self.by_uid},
            {name: self.by_namespace[name] for name in touched.namespaces if name in self.by_namespace},
        )

    def expire(self) -> list[str]:
        """Drop namespaces that have been without objects for long, or that are too many; return them."""
        expired = self._namespaces.expire()
        for namespace in expired:
            del self._sums[namespace], self.by_namespace[namespace]
        return expired

    def collect(self) -> Iterator[Metric]:
        """Yield the counters as they are now as `prometheus_client` metrics, for use in any registry."""
        now = self._clock.monotonic()
        for families, accounts in (
            (self.object_families, self.by_uid),
            (self.namespace_families, self.by_namespace),
        ):
            for place, family in enumerate(families):
                metric = Metric(family.name.removesuffix("_total"), family.help, family.type)
                for labels, growths in list(accounts.values()):
                    if growth := growths[place]:
                        add_samples(metric, family, [Sample(labels, growth.at(now))])
                if metric.samples:
                    yield metric

    def describe(self) -> Iterator[Metric]:
        """Name the families, so that a registry can refuse a second collector of them."""
        families = (*self.object_families, *self.namespace_families)
        return (Metric(family.name.removesuffix("_total"), family.help, family.type) for family in families)

    def _updated(self, amounts: Amounts[T]) -> tuple[str, str] | None:
        """Note the amounts of this version; return uid and namespace if they are others."""
        meta = amounts.obj.metadata
        if meta.uid not in self._asked:
            self._added(meta)
        namespace, before = self._asked[meta.uid]
        if before == amounts.values:
            return None
        self._asked[meta.uid] = namespace, amounts.values
        self._move(namespace, before, amounts.values)
        return meta.uid, namespace

    def _added(self, meta: ObjectMeta) -> None:
        """Start with an object that asks for nothing yet."""
        namespace = meta.namespace
        self._namespaces.added(namespace)
        self._asked[meta.uid] = namespace, (0,) * len(self._rows)
        # What is cut is counted where the same values are labels of the object's other series.
        labels = NO_REPORT.values((meta.name, namespace, meta.uid))
        self.by_uid[meta.uid] = Account(labels, (None,) * self._per_object)
        if namespace not in self._sums:
            rows = len(self._rows) - self._per_object
            self._sums[namespace] = (0,) * rows
            self.by_namespace[namespace] = Account(NO_REPORT.values((namespace,)), (None,) * rows)

    def _deleted(self, obj: T) -> tuple[str, str] | None:
        """End the counters of an object; return uid and namespace if it was known."""
        asked = self._asked.pop(obj.metadata.uid, None)
        if asked is None:
            return None
        namespace, before = asked
        del self.by_uid[obj.metadata.uid]
        self._namespaces.deleted(namespace)
        self._move(namespace, before, (0,) * len(before))
        return obj.metadata.uid, namespace

    def _move(self, namespace: str, before: tuple[int, ...], after: tuple[int, ...]) -> None:
        """Replace what one object asks for in the sums of its namespace."""
        rows = slice(self._per_object, None)
        changes = zip(self._sums[namespace], before[rows], after[rows], strict=True)
        self._sums[namespace] = tuple([total - old + new for total, old, new in changes])


def _family(row: Integral[Any], identity: tuple[str, ...]) -> Family:
    return Family(row.name, "counter", row.help, identity if row.is_per_object else ("namespace",))


def _billionths(amount: float) -> int:
    return round(min(max(amount, 0.0), MAX_AMOUNT) * _UNITS)
