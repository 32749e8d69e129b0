"""Rows that every kind has."""

from typing import Any

import pytest

from exporter.collectors.rayjob import RAYJOBS
from exporter.families import metadata
from tests.support.objects import decode, manifest


@pytest.mark.parametrize(
    ("row", "version", "values"),
    [
        pytest.param(metadata.created_row("x"), manifest(creationTimestamp=None), [], id="no creation time"),
        pytest.param(metadata.suspended_row("x"), manifest(), [((), 0)], id="no spec: not suspended"),
        pytest.param(metadata.managed_by_row("x"), manifest() | {"spec": {"managedBy": ""}}, [], id="no controller"),
        pytest.param(metadata.deletion_row("x"), manifest(), [], id="no deletion"),
    ],
)
def test_what_is_absent_has_no_series_or_the_value_0(row: Any, version: dict[str, Any], values: list[Any]) -> None:
    """An object in a file may have no creation time, and a spec with empty strings."""
    assert list(row.values(decode(RAYJOBS, version), None)) == values


def test_the_labels_of_a_job_are_retained_and_those_of_others_are_not() -> None:
    """Only jobs are retained after their deletion."""
    assert metadata.labels_row("x", is_retained=True).is_retained
    assert not metadata.labels_row("x").is_retained


def test_every_object_counts_when_it_appears_and_when_it_disappears() -> None:
    """Whatever its fields are: the occurrence is its existence."""
    created, deleted = metadata.lifecycle_counters("x")
    obj = decode(RAYJOBS, manifest())
    assert created.occurrence(obj, None).times == deleted.occurrence(obj, None).times == 1
    assert (created.counts_new_objects, created.counts_deletions) == (True, False)
    assert (deleted.counts_new_objects, deleted.counts_deletions) == (False, True)
