"""What a kind's tables are made of: a row for each family, and what its series are read from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from exporter.families.values import Values
from exporter.resources import API_GROUP, API_VERSION
from exporter.resources.meta import ObjectMeta

RAY_API_VERSION = f"{API_GROUP}/{API_VERSION}"


class CustomResource(Protocol):
    """Any object of any kind."""

    @property
    def metadata(self) -> ObjectMeta: ...


OTHER = "other"
"""The label of unknown values: what anyone may write must not become labels without a bound."""

T = TypeVar("T", bound=CustomResource)
T_contra = TypeVar("T_contra", bound=CustomResource, contravariant=True)
M = TypeVar("M")
M_contra = TypeVar("M_contra", contravariant=True)


@dataclass(frozen=True)
class Selection:
    """Which objects of a collection are watched: each selection has a list and a watch of its own.

    Attributes:
        name: distinguishes it in logs from the others of its kind; empty if it is the only one.
        label_selector, field_selector: as in the API; empty: all objects.
    """

    name: str = ""
    label_selector: str = ""
    field_selector: str = ""

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of a request that selects these objects."""
        selectors = {"labelSelector": self.label_selector, "fieldSelector": self.field_selector}
        return {name: value for name, value in selectors.items() if value}


@dataclass(frozen=True)
class Row(Generic[T, M]):
    """One gauge per object: a line of a kind's table.

    Attributes:
        name: the metric's name.
        text: a noun phrase. HELP is this, and the source in parentheses.
        source: the field of the object that it is read from.
        values: a pure function of the object and what is remembered of it.
        labels: names of the row's own labels, in the order of what `values` yields.
        series: how many there are for one object, for the documentation; most have none if the field is absent.
        is_retained: its series stay for --retain-deleted after a finished object was deleted.
        is_counter: its value only grows while the object exists; the name ends in `_total`.
        is_stable: it is one of the operator's nine: `text` is the operator's HELP, to the letter.
        reads: the fields that it is derived from in addition to `source`, or that its memory is. It is derived again
            only if one of these differs.
    """

    name: str
    text: str
    source: str
    values: Callable[[T, M | None], Values]
    labels: tuple[str, ...] = ()
    series: str = "0 or 1"
    is_retained: bool = False
    is_counter: bool = False
    is_stable: bool = False
    reads: str = ""

    @property
    def type(self) -> str:
        return "counter" if self.is_counter else "gauge"

    @property
    def help(self) -> str:
        return self.text if self.is_stable else f"{self.text} ({self.source})."


@dataclass(frozen=True)
class UserLabels:
    """The one gauge whose label names are the objects' own: those that users allow. Attributes as of a row."""

    name: str
    help: str
    source: str
    is_retained: bool = False
    labels: tuple[str, ...] = ("label_*",)
    series: str = "1 with --metric-labels-allowlist"
    type: str = "gauge"
    is_stable: bool = False
    reads: str = ""


class Occurrence(NamedTuple):
    """How often something has occurred in the lifecycle of an object, as one version of it shows.

    Attributes:
        times: 0: not yet. It may have occurred without there being anything to measure.
        labels: values of the metric's own labels.
        seconds: what a histogram observes; None: nothing.
        newest: how often it has occurred since the version before with each labels, in place of `labels`.
    """

    times: int = 1
    labels: tuple[str, ...] = ()
    seconds: float | None = None
    newest: Mapping[tuple[str, ...], int] | None = None


NO_OCCURRENCE = Occurrence(times=0)


@dataclass(frozen=True)
class LifecycleMetric(Generic[T_contra, M_contra]):
    """What has occurred in the lifecycles of all objects of a namespace, as a counter or a histogram.

    It counts how much `occurrence` grows from one version of an object to the next, so each occurrence
    counts once, however often it is seen.

    Attributes:
        name, text, source, reads: as of a row. HELP is the text and a full stop.
        occurrence: a pure function of one version and what is remembered of the object.
        labels: names of its own labels; `namespace` is added.
        known: values of these labels that exist at 0 from the start: `increase()` cannot see a first step.
        is_histogram: it observes `seconds`.
        unseen_labels: labels of occurrences before the last one, if several are new in one version: it shows the
            labels of the last one only. None: those of the last one.
        requires_prior_observation: it counts only for objects that were seen before it occurred.
        counts_deletions: it counts when the object is deleted instead.
    """

    name: str
    text: str
    source: str
    occurrence: Callable[[T_contra, M_contra | None], Occurrence]
    labels: tuple[str, ...] = ()
    known: tuple[tuple[str, ...], ...] = ((),)
    is_histogram: bool = False
    unseen_labels: Callable[[tuple[str, ...]], tuple[str, ...]] | None = None
    requires_prior_observation: bool = False
    counts_deletions: bool = False
    reads: str = ""

    @property
    def help(self) -> str:
        return f"{self.text}."

    @property
    def counts_new_objects(self) -> bool:
        """What an object shows when it is seen for the first time counts."""
        return not (self.requires_prior_observation or self.counts_deletions)


@dataclass(frozen=True)
class Integral(Generic[T_contra]):
    """An amount that objects request, integrated over time: a counter.

    Attributes:
        name, text, source, reads: as of a row. HELP is the text, and the source in parentheses.
        amount: a pure function of one version that is not suspended: what it requests at a time, None or 0 if nothing;
            with a label, by its values.
        is_per_object: there is one for each object while it exists; otherwise one for each namespace.
        label: a label of its own. All rows of a kind that have one have the same one, and the same amounts.
    """

    name: str
    text: str
    source: str
    amount: Callable[[T_contra], float | Mapping[str, float] | None]
    is_per_object: bool = False
    label: str = ""
    reads: str = ""

    @property
    def help(self) -> str:
        return f"{self.text} ({self.source})."

    def labels(self, identity: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names of all labels, in printed order; `identity` are those of an object."""
        of_whom = identity if self.is_per_object else ("namespace",)
        return tuple(sorted((*of_whom, self.label) if self.label else of_whom))


def remember_nothing(_obj: CustomResource, _remembered: None, _received_at: float | None) -> None:
    """For kinds whose metrics follow from the object alone."""


@dataclass(frozen=True)
class Kind(Generic[T, M]):
    """One kind of object: its name in the API, its type, its tables, what is remembered of it.

    Attributes:
        plural: the name in the API's paths, in flags and in `resource` labels.
        name: the `kind` field of its objects.
        object_type: the msgspec type to decode.
        rows: the table of what each object shows.
        lifecycle: the table of what is counted over all objects.
        integrals: the table of what is integrated over time.
        is_suspended: whether a version of an object requests nothing, whatever the amounts of its integrals are.
        remember: a pure function from an object, what was remembered of it and the time of receipt
            (Unix seconds; None where the object's age is not known) to what to remember now.
        is_finished: whether a deleted object's retained rows are worth keeping.
        is_default: it is exported without --collectors.
        api_version: group and version in the API, or `v1` of the core group.
        older_version: the same of an older version, which is read where the server does not have the other one.
        partial_type: the msgspec type that is decoded first, of objects that no selection of the API can leave out:
            only those whose `metadata.is_selected` are decoded as a whole. None: all are.
        stored: returns what is held of an object after it was observed: a version without what nothing reads later.
        selections: which of its objects are watched. No object is in two of them.
        max_held: the maximum number of objects that are held, in all and of one namespace; None: all.
        sends_bookmarks: whether the API server sends bookmarks in a watch of it.
        name_label: the label of the object's name.
    """

    plural: str
    name: str
    object_type: type[T]
    rows: tuple[Row[T, M] | UserLabels, ...]
    remember: Callable[[T, M | None, float | None], M | None]
    lifecycle: tuple[LifecycleMetric[T, M], ...] = ()
    integrals: tuple[Integral[T], ...] = ()
    is_suspended: Callable[[T], bool] = lambda _: False
    is_finished: Callable[[T], bool] = lambda _: False
    is_default: bool = True
    api_version: str = RAY_API_VERSION
    older_version: str = ""
    partial_type: type[Any] | None = None
    stored: Callable[[T], T] = lambda obj: obj
    selections: tuple[Selection, ...] = (Selection(),)
    max_held: tuple[int, int] | None = None
    sends_bookmarks: bool = True
    name_label: str = "name"

    @property
    def identity(self) -> tuple[str, str, str]:
        """The labels that every family of its objects has, in addition to its own."""
        return (self.name_label, "namespace", "uid")

    @property
    def is_custom_resource(self) -> bool:
        """It is one of KubeRay's own kinds."""
        return self.api_version == RAY_API_VERSION

    def path(self, namespace: str) -> str:
        """Return the API's path of a collection, cluster-wide if the namespace is empty."""
        root = "apis" if "/" in self.api_version else "api"
        scope = f"namespaces/{namespace}/" if namespace else ""
        return f"/{root}/{self.api_version}/{scope}{self.plural}"

    def older_path(self, namespace: str) -> str:
        """Return the path in the older version, "" without one."""
        return self.path(namespace).replace(self.api_version, self.older_version) if self.older_version else ""


AnyKind = Kind[Any, Any]
