"""The rows of a kind, made ready: they derive samples from objects, and remember what later versions do not show.

The labels that users put on objects become labels by the rules of kube-state-metrics (`internal/store/utils.go`), so
that joins can be taken over.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Generic, NamedTuple

from exporter.exposition.model import Family, Sample
from exporter.families.limits import NO_REPORT, Limits
from exporter.families.read_fields import fields_of
from exporter.families.table import Kind, M, Row, T, UserLabels

ANY_LABEL = "*"

MAX_USER_LABELS = 256
"""Maximum number of users' labels of one series: the first in the order of their keys."""

_CACHED_SETS = 256

_INVALID = re.compile(r"[^a-zA-Z0-9_]")
_INNER_CAPITAL = re.compile(r"([a-z0-9])([A-Z])")


class ObjectFamilies(Generic[T, M]):
    """The families of one kind's objects, and what must be remembered across versions of an object.

    `observe` and `forget` may be called by several threads, if each object always comes from the
    same one. `samples` may be called by any thread.
    """

    def __init__(
        self,
        kind: Kind[T, M],
        family_filter: Callable[[str], bool] = lambda _: True,
        user_labels: tuple[str, ...] = (),
        *,
        limits: Limits = NO_REPORT,
    ) -> None:
        """Prepare the rows that `family_filter` accepts by name; the others cost nothing.

        `user_labels` are keys of labels that may become labels of series, `*` for all; without them there is no
        such family.
        """
        self.kind = kind
        self._rows: list[_PreparedRow[T, M]] = [
            _prepared(row, kind.identity, limits)
            if isinstance(row, Row)
            else _prepared_labels(row, kind.identity, user_labels, limits)
            for row in kind.rows
            if family_filter(row.name) and (isinstance(row, Row) or user_labels)
        ]
        self.families = tuple(row.family for row in self._rows)
        self.reads = frozenset().union(*[row.reads for row in self._rows])
        self._remembered: dict[str, M] = {}
        # Of the possible sets of fields, few occur.
        self.rows_that_read = lru_cache(_CACHED_SETS)(self._rows_that_read)

    def observe(
        self, obj: T, received_at: float | None, places: Sequence[int] | None = None
    ) -> tuple[list[Sample], ...]:
        """Take a new version of an object into account; return its samples, family by family, or those of `places`."""
        uid = obj.metadata.uid
        remembered = self.kind.remember(obj, self._remembered.get(uid), received_at)
        if remembered is not None:
            self._remembered[uid] = remembered
        return self.samples(obj, places)

    def samples(self, obj: T, places: Sequence[int] | None = None) -> tuple[list[Sample], ...]:
        """Return the samples of the version that was observed last, family by family."""
        rows = self._rows if places is None else [self._rows[place] for place in places]
        meta = obj.metadata
        identity, remembered = (meta.name, meta.namespace, meta.uid), self._remembered.get(meta.uid)
        return tuple([row.samples(obj, remembered, identity) for row in rows])

    def _rows_that_read(self, fields: frozenset[str]) -> tuple[int, ...]:
        """Return the places of the families that follow from one of these fields."""
        return tuple([place for place, row in enumerate(self._rows) if not row.reads.isdisjoint(fields)])

    def remembered(self, uid: str) -> M | None:
        """Return what is remembered of an object."""
        return self._remembered.get(uid)

    def retained(self, obj: T) -> tuple[list[Sample], ...] | None:
        """Return the samples that stay after the object was deleted, family by family; None: nothing stays."""
        if not self.kind.is_finished(obj):
            return None
        return tuple(
            [samples if row.is_retained else [] for row, samples in zip(self._rows, self.samples(obj), strict=True)]
        )

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a deleted object."""
        self._remembered.pop(uid, None)


class _PreparedRow(NamedTuple, Generic[T, M]):
    """A family, and the function that returns its samples of an object and of what is remembered and identifies it."""

    family: Family
    is_retained: bool
    reads: frozenset[str]
    samples: Callable[[T, M | None, tuple[str, ...]], list[Sample]]


def _prepared(row: Row[T, M], identity: tuple[str, ...], limits: Limits) -> _PreparedRow[T, M]:
    """Prepare a row of a table: its label values come into printed order."""
    names = (*row.labels, *identity)
    in_order = itemgetter(*sorted(range(len(names)), key=names.__getitem__))
    # The operator's metrics never lose a series; what they are read from has a bound of its own.
    bounded = list if row.is_stable else limits.series

    def samples(obj: T, remembered: M | None, identity: tuple[str, ...]) -> list[Sample]:
        return [
            Sample(in_order(limits.values(own) + identity), value)
            for own, value in bounded(row.values(obj, remembered))
        ]

    def without_labels(obj: T, remembered: M | None, identity: tuple[str, ...]) -> list[Sample]:
        """Of most rows: one series at most, which has no label that could be too long."""
        return [Sample(in_order(identity), value) for _, value in row.values(obj, remembered)]

    family = Family(row.name, row.type, row.help, sorted(names))
    reads = fields_of(row.source, row.reads)
    return _PreparedRow(family, row.is_retained, reads, samples if row.labels else without_labels)


def _prepared_labels(
    row: UserLabels, identity: tuple[str, ...], allowed: tuple[str, ...], limits: Limits
) -> _PreparedRow[T, M]:
    """Prepare one series for every object, so that a join with it loses none; its label names are the object's own."""

    def samples(obj: T, _remembered: M | None, values: tuple[str, ...]) -> list[Sample]:
        labels = allowed_labels(obj.metadata.labels, allowed, limits) | dict(zip(identity, values, strict=True))
        names = tuple(sorted(labels))
        return [Sample(limits.values(tuple([labels[name] for name in names])), 1, label_names=names)]

    family = Family(row.name, row.type, row.help, identity)
    return _PreparedRow(family, row.is_retained, fields_of(row.source), samples)


def allowed_labels(
    labels: Mapping[str, str | None] | None, allowed: Iterable[str], limits: Limits = NO_REPORT
) -> dict[str, str]:
    """Return the object's labels that are allowed, by the name that each gets in Prometheus.

    `allowed` are keys of labels, or `*` for all there are. `limits` counts what is omitted.
    """
    labels = labels or {}
    keys = sorted(labels if ANY_LABEL in allowed else labels.keys() & set(allowed))
    kept = keys[:MAX_USER_LABELS]
    if len(keys) > len(kept):
        limits.labels_cut(len(keys) - len(kept))
    return {name: labels[key] or "" for name, key in zip(_label_names(kept), kept, strict=True)}


def _label_names(keys: list[str]) -> list[str]:
    """Return a name for each key: `label_` and the key in snake case, invalid characters replaced.

    Keys that lead to the same name get `_conflictN` each, counted in the order of the keys from 1.
    """
    names = [_label_name(key) for key in keys]
    uses = Counter(names)
    taken, numbers = set(names), Counter[str]()
    for place, name in enumerate(names):
        if uses[name] > 1:
            names[place] = _next_free(name, numbers, taken)
    return names


def _next_free(name: str, numbers: Counter[str], taken: set[str]) -> str:
    """Return the next `name_conflictN` that no key has by itself."""
    while True:
        numbers[name] += 1
        candidate = f"{name}_conflict{numbers[name]}"
        if candidate not in taken:
            taken.add(candidate)
            return candidate


def _label_name(key: str) -> str:
    return "label_" + _INNER_CAPITAL.sub(r"\1_\2", _INVALID.sub("_", key)).lower()
