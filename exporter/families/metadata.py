"""Rows that every kind has: creation, deletion, suspension, controller, users' labels."""

from typing import Any

from exporter.families.table import LifecycleMetric, Occurrence, Row, UserLabels
from exporter.families.values import info, of_spec, timestamp, truth


# fmt: off
def created_row(prefix: str) -> Row[Any, Any]:
    """Return the row of the creation time, which every kind has."""
    return Row(f"{prefix}_created_timestamp_seconds", "Creation time of the object, in Unix seconds",
        "metadata.creationTimestamp", lambda obj, _: timestamp(obj.metadata.creation_timestamp), series="1")


def deletion_row(prefix: str) -> Row[Any, Any]:
    """Return the row of the time at which the deletion was requested."""
    return Row(f"{prefix}_deletion_timestamp_seconds",
        "Time at which the deletion of an object that still exists was requested, in Unix seconds",
        "metadata.deletionTimestamp", lambda obj, _: timestamp(obj.metadata.deletion_timestamp))


def suspended_row(prefix: str) -> Row[Any, Any]:
    """Return the row of requested suspension (`spec.suspend`)."""
    return Row(f"{prefix}_suspended", "Whether suspension is requested: 1 if it is, otherwise 0", "spec.suspend",
        lambda obj, _: truth(obj.spec.suspend if obj.spec else None), series="1")


def managed_by_row(prefix: str) -> Row[Any, Any]:
    """Return the row of the controller, of kinds with `spec.managedBy`."""
    return Row(f"{prefix}_managed_by", "Controller that reconciles the object, as a label; the value is 1",
        "spec.managedBy", of_spec(lambda spec: info(spec.managed_by)), labels=("managed_by",))
# fmt: on


def labels_row(prefix: str, *, is_retained: bool = False) -> UserLabels:
    """Return the row of the labels that users allow; `is_retained` as of a row."""
    return UserLabels(
        name=f"{prefix}_labels",
        help="Labels of the object that --metric-labels-allowlist names; the value is 1 (metadata.labels).",
        source="metadata.labels",
        is_retained=is_retained,
    )


# fmt: off
def lifecycle_counters(prefix: str) -> tuple[LifecycleMetric[Any, Any], ...]:
    """Return the counters of created and deleted objects, each uid once."""
    return (
        LifecycleMetric(f"{prefix}_created_total", "Number of objects created since the exporter started",
            "objects that appear after the first list", lambda _obj, _: Occurrence()),
        LifecycleMetric(f"{prefix}_deleted_total", "Number of objects deleted since the exporter started",
            "objects that disappear", lambda _obj, _: Occurrence(), counts_deletions=True),
    )
# fmt: on
