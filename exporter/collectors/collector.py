"""What every kind's collector does with its table: derive samples, remember, collect."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Generic, Protocol, TypeVar

from prometheus_client import Metric
from prometheus_client.registry import Collector as RegistryCollector

from exporter.collectors.values import Values
from exporter.exposition.families import Family, Sample
from exporter.resources.meta import ObjectMeta


class Resource(Protocol):
    """Any object of any kind."""

    @property
    def metadata(self) -> ObjectMeta: ...


T = TypeVar("T", bound=Resource)
M = TypeVar("M")

IDENTITY = ("name", "namespace", "uid")
"""The labels that every per-object family has, before its own."""


@dataclass(frozen=True)
class Row(Generic[T, M]):
    """One gauge per object: a line of a kind's table.

    Attributes:
        name: the metric's name.
        help: its HELP text; the nine keep the operator's, to the letter.
        source: the field of the object that it is read from, for the documentation.
        values: a pure function of the object and what is remembered of it.
        labels: names of the row's own labels, in the order of what `values` yields.
    """

    name: str
    help: str
    source: str
    values: Callable[[T, M | None], Values]
    labels: tuple[str, ...] = ()


def remember_nothing(_obj: Resource, _remembered: None, _received_at: float | None) -> None:
    """For kinds whose metrics follow from the object alone."""


@dataclass(frozen=True)
class Kind(Generic[T, M]):
    """One custom resource: its name in the API, its type, its table, its memory.

    Attributes:
        plural: the name in the API's paths, in flags and in `resource` labels.
        name: the `kind` field of its objects.
        resource: the msgspec type to decode.
        rows: the table.
        remember: a pure function from an object, what was remembered of it and the time of receipt
            (Unix seconds; None where the object's age is not known) to what to remember now.
    """

    plural: str
    name: str
    resource: type[T]
    rows: tuple[Row[T, M], ...]
    remember: Callable[[T, M | None, float | None], M | None]


class Collector(RegistryCollector, Generic[T, M]):
    """The families of one kind, and what must be remembered across versions of its objects.

    `observe` and `forget` may be called by several threads, if each object always comes from the
    same one. `collect` may be called by any thread.
    """

    def __init__(
        self,
        kind: Kind[T, M],
        objects: Callable[[], Iterable[T]],
        is_exported: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """`objects` gives the present ones to `collect`; rows that are not exported cost nothing."""
        self.kind = kind
        self._objects = objects
        self._columns = [_Column(row) for row in kind.rows if is_exported(row.name)]
        self.families = tuple(column.family for column in self._columns)
        self._remembered: dict[str, M] = {}

    def observe(self, obj: T, received_at: float | None) -> tuple[list[Sample], ...]:
        """Take a new version of an object into account; return its samples, family by family."""
        uid = obj.metadata.uid
        remembered = self.kind.remember(obj, self._remembered.get(uid), received_at)
        if remembered is not None:
            self._remembered[uid] = remembered
        return self._samples(obj)

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a deleted object."""
        self._remembered.pop(uid, None)

    def collect(self) -> Iterator[Metric]:
        """Yield the same samples as `prometheus_client` metrics, for use in any registry."""
        metrics = [Metric(family.name, family.help, family.type) for family in self.families]
        for obj in self._objects():
            for metric, family, samples in zip(metrics, self.families, self._samples(obj), strict=True):
                for labels, value in samples:
                    metric.add_sample(family.name, dict(zip(family.label_names, labels, strict=True)), value)
        return (metric for metric in metrics if metric.samples)

    def describe(self) -> Iterator[Metric]:
        """Name the families, so that a registry can refuse a second collector of them."""
        return (Metric(family.name, family.help, family.type) for family in self.families)

    def _samples(self, obj: T) -> tuple[list[Sample], ...]:
        meta = obj.metadata
        identity = (meta.name, meta.namespace, meta.uid)
        remembered = self._remembered.get(meta.uid)
        return tuple([column.samples(obj, remembered, identity) for column in self._columns])


class _Column(Generic[T, M]):
    """A row made ready: its family, and how its label values come into printed order."""

    def __init__(self, row: Row[T, M]) -> None:
        names = (*row.labels, *IDENTITY)
        self.family = Family(row.name, "gauge", row.help, sorted(names))
        self._values = row.values
        self._in_order = itemgetter(*sorted(range(len(names)), key=names.__getitem__))

    def samples(self, obj: T, remembered: M | None, identity: tuple[str, ...]) -> list[Sample]:
        in_order = self._in_order
        return [Sample(in_order(own + identity), value) for own, value in self._values(obj, remembered)]
