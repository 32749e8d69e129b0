"""What every kind's collector does with its rows: derive samples, remember, collect."""

from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Generic, Protocol

from prometheus_client import Metric
from prometheus_client.registry import Collector as RegistryCollector

from exporter.collectors.labels import allowed_labels
from exporter.collectors.table import IDENTITY, Kind, M, M_contra, Row, T, T_contra, UserLabels
from exporter.exposition.families import Family, Sample


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
        user_labels: tuple[str, ...] = (),
    ) -> None:
        """`objects` gives the present ones to `collect`; rows that are not exported cost nothing.

        `user_labels` are keys of labels that may become labels of series, `*` for all; without them there
        is no such family.
        """
        self.kind = kind
        self._objects = objects
        self._columns: list[_Column[T, M]] = [
            _RowColumn(row) if isinstance(row, Row) else _LabelsColumn(row, user_labels)
            for row in kind.rows
            if is_exported(row.name) and (isinstance(row, Row) or user_labels)
        ]
        self.families = tuple(column.family for column in self._columns)
        self._remembered: dict[str, M] = {}

    def observe(self, obj: T, received_at: float | None) -> tuple[list[Sample], ...]:
        """Take a new version of an object into account; return its samples, family by family."""
        uid = obj.metadata.uid
        remembered = self.kind.remember(obj, self._remembered.get(uid), received_at)
        if remembered is not None:
            self._remembered[uid] = remembered
        return self._samples(obj)

    def retained(self, obj: T) -> tuple[list[Sample], ...] | None:
        """Return the samples that outlive a deleted object, family by family; None where nothing does."""
        if not self.kind.is_finished(obj):
            return None
        kept = zip(self._columns, self._samples(obj), strict=True)
        return tuple([samples if column.is_retained else [] for column, samples in kept])

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a deleted object."""
        self._remembered.pop(uid, None)

    def collect(self) -> Iterator[Metric]:
        """Yield the same samples as `prometheus_client` metrics, for use in any registry."""
        metrics = [Metric(family.name, family.help, family.type) for family in self.families]
        for obj in self._objects():
            for metric, family, samples in zip(metrics, self.families, self._samples(obj), strict=True):
                add_samples(metric, family, samples)
        return (metric for metric in metrics if metric.samples)

    def describe(self) -> Iterator[Metric]:
        """Name the families, so that a registry can refuse a second collector of them."""
        return (Metric(family.name, family.help, family.type) for family in self.families)

    def _samples(self, obj: T) -> tuple[list[Sample], ...]:
        meta = obj.metadata
        identity = (meta.name, meta.namespace, meta.uid)
        remembered = self._remembered.get(meta.uid)
        return tuple([column.samples(obj, remembered, identity) for column in self._columns])


def add_samples(metric: Metric, family: Family, samples: Iterable[Sample]) -> None:
    """Put samples of a family into a metric of `prometheus_client`."""
    for sample in samples:
        labels = dict(zip(sample.label_names or family.label_names, sample.labels, strict=True))
        metric.add_sample(family.name + sample.suffix, labels, sample.value)


class _Column(Protocol[T_contra, M_contra]):
    """A row made ready to be read from any object."""

    family: Family
    is_retained: bool

    def samples(self, obj: T_contra, remembered: M_contra | None, identity: tuple[str, ...]) -> list[Sample]:
        """Return the row's samples of one object, whose name, namespace and uid are given."""


class _RowColumn(Generic[T, M]):
    """A row: its family, and how its label values come into printed order."""

    def __init__(self, row: Row[T, M]) -> None:
        names = (*row.labels, *IDENTITY)
        self.family = Family(row.name, "gauge", row.help, sorted(names))
        self.is_retained = row.is_retained
        self._values = row.values
        self._in_order = itemgetter(*sorted(range(len(names)), key=names.__getitem__))

    def samples(self, obj: T, remembered: M | None, identity: tuple[str, ...]) -> list[Sample]:
        in_order = self._in_order
        return [Sample(in_order(own + identity), value) for own, value in self._values(obj, remembered)]


class _LabelsColumn(Generic[T, M]):
    """One series for every object, so that a join with it loses none; its label names are the object's own."""

    def __init__(self, row: UserLabels, allowed: tuple[str, ...]) -> None:
        self.family = Family(row.name, "gauge", row.help, IDENTITY)
        self.is_retained = row.is_retained
        self._allowed = allowed

    def samples(self, obj: T, _remembered: M | None, identity: tuple[str, ...]) -> list[Sample]:
        labels = allowed_labels(obj.metadata.labels, self._allowed) | dict(zip(IDENTITY, identity, strict=True))
        names = tuple(sorted(labels))
        return [Sample(tuple([labels[name] for name in names]), 1, label_names=names)]
