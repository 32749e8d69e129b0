"""What is said of every kind alike: when it was created, who manages it, how its users labelled it."""

from typing import Any

from exporter.collectors.table import Happened, Row, Total, UserLabels
from exporter.collectors.values import info, of_spec, timestamp, truth


def created_row(prefix: str) -> Row[Any, Any]:
    return Row(
        name=f"{prefix}_created_timestamp_seconds",
        help="When the object was created (metadata.creationTimestamp).",
        source="metadata.creationTimestamp",
        values=lambda obj, _: timestamp(obj.metadata.creation_timestamp),
    )


def deletion_row(prefix: str) -> Row[Any, Any]:
    return Row(
        name=f"{prefix}_deletion_timestamp_seconds",
        help="When the deletion of an object that is still there was asked for (metadata.deletionTimestamp).",
        source="metadata.deletionTimestamp",
        series="0 or 1",
        values=lambda obj, _: timestamp(obj.metadata.deletion_timestamp),
    )


def suspended_row(prefix: str) -> Row[Any, Any]:
    return Row(
        name=f"{prefix}_suspended",
        help="1 if the object is asked to be suspended (spec.suspend), else 0.",
        source="spec.suspend",
        values=lambda obj, _: truth(obj.spec.suspend if obj.spec else None),
    )


def managed_by_row(prefix: str) -> Row[Any, Any]:
    return Row(
        name=f"{prefix}_managed_by",
        help="Always 1; the controller that reconciles the object is a label (spec.managedBy).",
        labels=("managed_by",),
        source="spec.managedBy",
        series="0 or 1",
        values=of_spec(lambda spec: info(spec.managed_by)),
    )


def labels_row(prefix: str, *, is_retained: bool = False) -> UserLabels:
    return UserLabels(
        name=f"{prefix}_labels",
        help="Always 1; the object's labels that --metric-labels-allowlist names (metadata.labels).",
        source="metadata.labels",
        is_retained=is_retained,
    )


def life_totals(prefix: str) -> tuple[Total[Any], ...]:
    """Return the counters of objects that came and went, each uid once."""
    return (
        Total(
            name=f"{prefix}_created_total",
            help="Objects created since the exporter started (differences after the first list).",
            source="objects that appear",
            happened=lambda _: Happened(),
        ),
        Total(
            name=f"{prefix}_deleted_total",
            help="Objects deleted since the exporter started (differences after the first list).",
            source="objects that disappear",
            happened=lambda _: Happened(),
            is_of_deletion=True,
        ),
    )
