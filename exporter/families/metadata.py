"""Rows that every kind has: creation, deletion, suspension, controller, users' labels."""

from typing import Any

from exporter.families.table import LifecycleMetric, Occurrence, Row, UserLabels
from exporter.families.values import info, of_spec, timestamp, truth


def created_row(prefix: str) -> Row[Any, Any]:
    """Return the row of the creation time, which every kind has."""
    return Row(
        name=f"{prefix}_created_timestamp_seconds",
        text="Creation time of the object, in Unix seconds",
        source="metadata.creationTimestamp",
        series="1",
        values=lambda obj, _: timestamp(obj.metadata.creation_timestamp),
    )


def deletion_row(prefix: str) -> Row[Any, Any]:
    """Return the row of the time at which the deletion was requested."""
    return Row(
        name=f"{prefix}_deletion_timestamp_seconds",
        text="Time at which the deletion of an object that still exists was requested, in Unix seconds",
        source="metadata.deletionTimestamp",
        values=lambda obj, _: timestamp(obj.metadata.deletion_timestamp),
    )


def suspended_row(prefix: str) -> Row[Any, Any]:
    """Return the row of requested suspension (`spec.suspend`)."""
    return Row(
        name=f"{prefix}_suspended",
        text="Whether suspension is requested: 1 if it is, otherwise 0",
        source="spec.suspend",
        series="1",
        values=lambda obj, _: truth(obj.spec.suspend if obj.spec else None),
    )


def managed_by_row(prefix: str) -> Row[Any, Any]:
    """Return the row of the controller, of kinds with `spec.managedBy`."""
    return Row(
        name=f"{prefix}_managed_by",
        text="Controller that reconciles the object, as a label; the value is 1",
        labels=("managed_by",),
        source="spec.managedBy",
        values=of_spec(lambda spec: info(spec.managed_by)),
    )


def labels_row(prefix: str, *, is_retained: bool = False) -> UserLabels:
    """Return the row of the labels that users allow; `is_retained` as of a row."""
    return UserLabels(
        name=f"{prefix}_labels",
        help="Labels of the object that --metric-labels-allowlist names; the value is 1 (metadata.labels).",
        source="metadata.labels",
        is_retained=is_retained,
    )


def lifecycle_counters(prefix: str) -> tuple[LifecycleMetric[Any, Any], ...]:
    """Return the counters of created and deleted objects, each uid once."""
    return (
        LifecycleMetric(
            name=f"{prefix}_created_total",
            text="Number of objects created since the exporter started",
            source="objects that appear after the first list",
            occurrence=lambda _obj, _: Occurrence(),
        ),
        LifecycleMetric(
            name=f"{prefix}_deleted_total",
            text="Number of objects deleted since the exporter started",
            source="objects that disappear",
            occurrence=lambda _obj, _: Occurrence(),
            counts_deletions=True,
        ),
    )
