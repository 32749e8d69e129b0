"""Requested resources, integrated over time: counters that grow between events, such as GPU-seconds.

Exact between changes: an amount counts from the moment at which it is received to the moment at which the next
one is, by the exporter's monotonic clock. What was requested before the exporter started is not known. While the API
server cannot be reached, or an object cannot be decoded, the last known amount is counted.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, ClassVar, Generic, cast

from exporter.clock import Clock, SystemClock
from exporter.exposition.model import Family, GrowingCounters, Growth, Sample
from exporter.families.limits import NO_REPORT
from exporter.families.namespaces import Namespaces
from exporter.families.read_fields import fields_of
from exporter.families.table import Kind, T
from exporter.resources.meta import ObjectMeta

_UNITS = 10**9
"""Amounts of a namespace are added as whole numbers of the smallest unit of a quantity, n: floats would drift."""

Amounts = tuple[T, dict[int, int]]
"""A version of an object, and what it requests, in billionths, by the places of rows."""


def _continued(counters: GrowingCounters, amounts: tuple[int, ...], now: float) -> GrowingCounters:
    """Return counters that grow by these amounts from now on."""
    growths = [
        growth
        if (growth.rate if growth else 0.0) == (rate := amount / _UNITS)
        else Growth(growth.at(now) if growth else 0.0, rate, now)
        for growth, amount in zip(counters.growths, amounts, strict=True)
    ]
    return GrowingCounters(counters.labels, tuple(growths))


class Integrals(Generic[T]):
    """The integrals of one kind, by object and by namespace. Not for several threads at once: the caller has a lock.

    The counters of an object end with it; those of its namespace keep what it has added.
    """

    has_label: ClassVar[bool] = False

    def __init__(
        self, kind: Kind[T, Any], family_filter: Callable[[str], bool] = lambda _: True, *, clock: Clock | None = None
    ) -> None:
        """Prepare the rows that `family_filter` accepts by name; the others cost nothing."""
        rows = [row for row in kind.integrals if bool(row.label) is self.has_label and family_filter(row.name)]
        # The rows of objects come first, also in `Amounts`.
        self._rows = sorted(rows, key=lambda row: not row.is_per_object)
        self._per_object = sum(row.is_per_object for row in rows)
        self._is_suspended = kind.is_suspended
        self._amounts = [cast("Callable[[T], float | None]", row.amount) for row in self._rows]
        families = [Family(row.name, "counter", row.help, row.labels(kind.identity)) for row in self._rows]
        self.object_families = tuple(families[: self._per_object])
        self.namespace_families = tuple(families[self._per_object :])
        self._reads = [fields_of(row.source, row.reads) for row in self._rows]
        self.reads = frozenset().union(*self._reads)
        self._clock = clock or SystemClock()
        self._namespaces = Namespaces(self._clock)
        # By uid: the namespace, and what the object requests now.
        self._requested: dict[str, tuple[str, tuple[int, ...]]] = {}
        # By namespace: what its objects request together.
        self._sums: dict[str, tuple[int, ...]] = {}
        self.by_uid: dict[str, GrowingCounters] = {}
        self.by_namespace: dict[str, GrowingCounters] = {}

    def observe(self, obj: T, changed: Collection[str] | None = None) -> Amounts[T] | None:
        """Return what a version of an object requests: of all rows, or of those that read one of the changed fields.

        None: it requests nothing, and never has.
        """
        places = [place for place, reads in enumerate(self._reads) if changed is None or not reads.isdisjoint(changed)]
        if self._is_suspended(obj):
            return obj, dict.fromkeys(places, 0)
        return obj, {place: _billionths(self._amounts[place](obj)) for place in places}

    def on_change(self, changed: Iterable[Amounts[T]], removed: Iterable[T]) -> tuple[list[str], list[str]]:
        """Let counters grow by these amounts from now on; drop namespaces that have been empty for long.

        Return the uids and the namespaces whose counters changed or ended. The caller makes them visible before anybody
        reads the clock for a scrape: a scrape in between would still show the old amount, and if that is the larger
        one, a later scrape would show less.
        """
        if not self._rows:
            return [], []
        changes = [both for both in (*map(self._deleted, removed), *map(self._updated, changed)) if both]
        expired = self._expire()
        uids, namespaces = dict.fromkeys([uid for uid, _ in changes]), dict.fromkeys([name for _, name in changes])
        now = self._clock.monotonic()
        for uid in uids:
            if uid in self._requested:
                _, values = self._requested[uid]
                self.by_uid[uid] = _continued(self.by_uid[uid], values[: self._per_object], now)
        for namespace in namespaces:
            if namespace in self._sums:
                self.by_namespace[namespace] = _continued(self.by_namespace[namespace], self._sums[namespace], now)
        return list(uids), [*namespaces, *expired]

    def samples(self) -> list[tuple[list[Sample], ...]]:
        """Return the counters as they are now, family by family, of each object and then of each namespace."""
        now = self._clock.monotonic()
        no_object: list[list[Sample]] = [[] for _ in self.object_families]
        no_namespace: list[list[Sample]] = [[] for _ in self.namespace_families]
        return [
            *((*_samples(counters, now), *no_namespace) for counters in self.by_uid.values()),
            *((*no_object, *_samples(counters, now)) for counters in self.by_namespace.values()),
        ]

    def seconds_of(self, uid: Any) -> dict[str, float]:
        """Return the counters of one object as they are now, by name of the family. Any thread may call."""
        counters = self.by_uid.get(uid)
        now = self._clock.monotonic()
        growths = zip(self.object_families, counters.growths, strict=False) if counters else ()
        return {family.name: growth.at(now) for family, growth in growths if growth}

    def _expire(self) -> list[str]:
        expired = self._namespaces.expire()
        for namespace in expired:
            del self._sums[namespace], self.by_namespace[namespace]
        return expired

    def _updated(self, amounts: Amounts[T]) -> tuple[str, str] | None:
        """Note the amounts of this version; return uid and namespace if they are others."""
        obj, new = amounts
        meta = obj.metadata
        if meta.uid not in self._requested:
            self._added(meta)
        namespace, before = self._requested[meta.uid]
        if all(before[place] == amount for place, amount in new.items()):
            return None
        values = tuple([new.get(place, amount) for place, amount in enumerate(before)])
        self._requested[meta.uid] = namespace, values
        self._move(namespace, before, values)
        return meta.uid, namespace

    def _added(self, meta: ObjectMeta) -> None:
        """Start with an object that requests nothing yet."""
        namespace = meta.namespace
        self._namespaces.added(namespace)
        self._requested[meta.uid] = namespace, (0,) * len(self._rows)
        # What is cut is counted where the same values are labels of the object's other series.
        labels, labels_of_namespace = self._labels(meta)
        self.by_uid[meta.uid] = GrowingCounters(NO_REPORT.values(labels), (None,) * self._per_object)
        if namespace not in self._sums:
            rows = len(self._rows) - self._per_object
            self._sums[namespace] = (0,) * rows
            self.by_namespace[namespace] = GrowingCounters(NO_REPORT.values(labels_of_namespace), (None,) * rows)

    def _labels(self, meta: ObjectMeta) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the label values of an object and of its namespace, in printed order."""
        return (meta.name, meta.namespace, meta.uid), (meta.namespace,)

    def _deleted(self, obj: T) -> tuple[str, str] | None:
        """End the counters of an object; return uid and namespace if it was known."""
        requested = self._requested.pop(obj.metadata.uid, None)
        if requested is None:
            return None
        namespace, before = requested
        del self.by_uid[obj.metadata.uid]
        self._namespaces.deleted(namespace)
        self._move(namespace, before, (0,) * len(before))
        return obj.metadata.uid, namespace

    def _move(self, namespace: str, before: tuple[int, ...], after: tuple[int, ...]) -> None:
        """Replace what one object requests in the sums of its namespace."""
        rows = slice(self._per_object, None)
        changes = zip(self._sums[namespace], before[rows], after[rows], strict=True)
        self._sums[namespace] = tuple([total - old + new for total, old, new in changes])


def _samples(counters: GrowingCounters, now: float) -> list[list[Sample]]:
    return [[Sample(counters.labels, growth.at(now))] if growth else [] for growth in counters.growths]


class LabelledIntegrals(Integrals[Any]):
    """The integrals of one kind with a label, whose values objects choose: each value is a part of an object.

    What an object does not request any more keeps its counter, which stands still, until the object is deleted.
    An object that never requested anything costs nothing.
    """

    has_label = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As of `Integrals`."""
        super().__init__(*args, **kwargs)
        # By uid: the values that the label ever had, with what is requested now.
        self._values: dict[str, dict[str, int]] = {}

    def observe(self, obj: Any, _changed: Collection[str] | None = None) -> Any:
        """Return what a version of an object requests, in billionths, by values of the label."""
        amounts = cast("Mapping[str, float]", self._amounts[0](obj))
        if not amounts and obj.metadata.uid not in self._values:
            return None
        if self._is_suspended(obj):
            amounts = {}
        return obj, {value: _billionths(amount) for value, amount in amounts.items()}

    def on_change(self, changed: Iterable[Any], removed: Iterable[Any]) -> tuple[list[str], list[str]]:
        parts: list[Any] = []
        for obj, amounts in changed:
            if known := dict.fromkeys(self._values.get(obj.metadata.uid, ()), 0) | amounts:
                self._values[obj.metadata.uid] = known
                rows = range(len(self._rows))
                parts += [(_part(obj, value), dict.fromkeys(rows, amount)) for value, amount in known.items()]
        gone = [_part(obj, value) for obj in removed for value in self._values.pop(obj.metadata.uid, ())]
        return super().on_change(parts, gone)

    def seconds_of(self, uid: Any) -> dict[str, float]:
        """Return the counters of one object as they are now, by values of the label. Any thread may call."""
        parts = {value: super(LabelledIntegrals, self).seconds_of((uid, value)) for value in self._values.get(uid, ())}
        return {value: seconds for value, by_name in parts.items() for seconds in by_name.values()}

    def _labels(self, meta: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        (uid, value), (namespace, _), label = meta.uid, meta.namespace, self._rows[0].label
        values = {"name": meta.name, "namespace": namespace, label: value, "uid": uid}
        of_object, of_namespace = sorted(values), sorted(("namespace", label))
        return tuple([values[key] for key in of_object]), tuple([values[key] for key in of_namespace])


def _part(obj: Any, value: str) -> SimpleNamespace:
    """Return what stands for an object: its uid and its namespace are those of the object, each with the value."""
    name, namespace, uid = obj.metadata.name, obj.metadata.namespace, obj.metadata.uid
    return SimpleNamespace(metadata=SimpleNamespace(name=name, namespace=(namespace, value), uid=(uid, value)))


def _billionths(amount: float | None) -> int:
    return round(amount * _UNITS) if amount and amount > 0 else 0
