"""Rows of tables: what follows from their fields."""

import pytest

from exporter.families.table import Integral, Kind, LifecycleMetric, Occurrence, Row, remember_nothing
from exporter.kinds import KINDS
from exporter.resources.rayjob import RayJob


def row(*, is_stable: bool = False, is_counter: bool = False) -> Row[RayJob, None]:
    return Row("x", "Number of x", "spec.x", lambda _job, _: [], is_stable=is_stable, is_counter=is_counter)


def metric(
    *, requires_prior_observation: bool = False, counts_deletions: bool = False
) -> LifecycleMetric[RayJob, None]:
    return LifecycleMetric(
        "x_total",
        "Number of x",
        "status.x",
        lambda _job, _: Occurrence(),
        requires_prior_observation=requires_prior_observation,
        counts_deletions=counts_deletions,
    )


def test_help_names_the_field_that_a_row_is_read_from() -> None:
    """The operator's nine keep the operator's text, to the letter."""
    assert row().help == "Number of x (spec.x)."
    assert row(is_stable=True).help == "Number of x"
    assert Integral[RayJob]("x_total", "CPU seconds", "status.x", lambda _: 1.0).help == "CPU seconds (status.x)."
    assert metric().help == "Number of x."


def test_the_type_of_a_row() -> None:
    """A gauge, unless its value only grows."""
    assert (row().type, row(is_counter=True).type) == ("gauge", "counter")


@pytest.mark.parametrize(
    ("counter", "counts"),
    [
        (metric(), True),
        (metric(requires_prior_observation=True), False),
        (metric(counts_deletions=True), False),
    ],
)
def test_what_a_new_object_shows_counts_unless_it_had_to_be_seen_before(
    counter: LifecycleMetric[RayJob, None], counts: bool
) -> None:
    """A job that was created and ended during an outage has ended."""
    assert counter.counts_new_objects is counts


def test_a_kind_that_names_nothing_else_is_a_custom_resource_of_ray() -> None:
    """One selection, bookmarks, exported by default, nothing retained."""
    kind = Kind("rayx", "RayX", RayJob, (), remember_nothing)
    assert (kind.is_custom_resource, kind.is_default, kind.sends_bookmarks) == (True, True, True)
    assert (len(kind.selections), kind.identity) == (1, ("name", "namespace", "uid"))


def test_no_two_families_have_one_name() -> None:
    """In the tables of all kinds together; a registry would refuse them."""
    names = [row.name for kind in KINDS for row in (*kind.rows, *kind.lifecycle, *kind.integrals)]
    assert sorted(names) == sorted(set(names))


def test_counters_end_in_total_and_nothing_else_does() -> None:
    """Prometheus' convention; OpenMetrics requires it."""
    rows = {row.name: row.type == "counter" for kind in KINDS for row in kind.rows}
    lifecycle = {row.name: not row.is_histogram for kind in KINDS for row in kind.lifecycle}
    integrals = {row.name: True for kind in KINDS for row in kind.integrals}
    assert [
        name for name, is_counter in (rows | lifecycle | integrals).items() if name.endswith("_total") != is_counter
    ] == []
