"""What a kind's table is made of: a row for each family, and what they are read from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from exporter.collectors.values import Values
from exporter.resources.meta import ObjectMeta


class Resource(Protocol):
    """Any object of any kind."""

    @property
    def metadata(self) -> ObjectMeta: ...


T = TypeVar("T", bound=Resource)
T_contra = TypeVar("T_contra", bound=Resource, contravariant=True)
M = TypeVar("M")
M_contra = TypeVar("M_contra", contravariant=True)

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
        series: how many there are for one object, for the documentation.
        is_retained: they stay for --retain-deleted after a finished object was deleted.
        is_stable: it is the operator's own, and promised.
    """

    name: str
    help: str
    source: str
    values: Callable[[T, M | None], Values]
    labels: tuple[str, ...] = ()
    series: str = "1"
    is_retained: bool = False
    is_stable: bool = False


@dataclass(frozen=True)
class UserLabels:
    """The one gauge whose label names are the objects' own: those that users allow. Attributes as of a row."""

    name: str
    help: str
    source: str
    is_retained: bool = False
    labels: tuple[str, ...] = ("label_*",)
    series: str = "1 with --metric-labels-allowlist"
    is_stable: bool = False


class Happened(NamedTuple):
    """How often something has happened in the life of an object, as one version of it shows.

    Attributes:
        times: 0: not yet. It may have happened without there being anything to measure.
        labels: values of the total's own labels.
        seconds: what a histogram observes; None: nothing.
    """

    times: int = 1
    labels: tuple[str, ...] = ()
    seconds: float | None = None


NOT_YET = Happened(times=0)


@dataclass(frozen=True)
class Total(Generic[T_contra]):
    """What happened in the lives of all objects of a namespace, a counter or a histogram.

    It counts how much `happened` grows from one version of an object to the next, so each step of a life
    counts once, however often it is seen.

    Attributes:
        name, help, source: as of a row.
        happened: a pure function of one version.
        labels: names of its own labels; `namespace` is added.
        known: values of these labels that exist at 0 from the start: `increase()` cannot see a first step.
        is_histogram: it observes `seconds`.
        is_awaited: only what was seen as not having happened yet counts.
        is_of_deletion: it counts at the object's end instead.
    """

    name: str
    help: str
    source: str
    happened: Callable[[T_contra], Happened]
    labels: tuple[str, ...] = ()
    known: tuple[tuple[str, ...], ...] = ((),)
    is_histogram: bool = False
    is_awaited: bool = False
    is_of_deletion: bool = False


def remember_nothing(_obj: Resource, _remembered: None, _received_at: float | None) -> None:
    """For kinds whose metrics follow from the object alone."""


@dataclass(frozen=True)
class Kind(Generic[T, M]):
    """One custom resource: its name in the API, its type, its table, its memory.

    Attributes:
        plural: the name in the API's paths, in flags and in `resource` labels.
        name: the `kind` field of its objects.
        resource: the msgspec type to decode.
        rows: the table of what each object shows.
        totals: the table of what happened in all their lives.
        remember: a pure function from an object, what was remembered of it and the time of receipt
            (Unix seconds; None where the object's age is not known) to what to remember now.
        is_finished: whether a deleted object's retained rows are worth keeping.
        is_default: it is exported unless --collectors says otherwise.
    """

    plural: str
    name: str
    resource: type[T]
    rows: tuple[Row[T, M] | UserLabels, ...]
    remember: Callable[[T, M | None, float | None], M | None]
    totals: tuple[Total[T], ...] = ()
    is_finished: Callable[[T], bool] = lambda _: False
    is_default: bool = True


AnyKind = Kind[Any, Any]
