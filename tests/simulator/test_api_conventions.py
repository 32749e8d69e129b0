"""Names of kinds, and times as the API writes them."""

import pytest

from exporter.simulator.api_conventions import kind_name, timestamp


@pytest.mark.parametrize(
    ("plural", "kind"), [("rayclusters", "RayCluster"), ("raycronjobs", "RayCronJob"), ("widgets", "Widget")]
)
def test_the_kind_of_a_plural(plural: str, kind: str) -> None:
    """For kinds of others it is a guess."""
    assert kind_name(plural) == kind


@pytest.mark.parametrize("at", [1_800_000_000.0, 1_800_000_000.999])
def test_a_time_is_never_later_than_it_was(at: float) -> None:
    """Go truncates fractions of a second."""
    assert timestamp(at) == "2027-01-15T08:00:00Z"
