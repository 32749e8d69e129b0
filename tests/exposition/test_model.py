"""Families, samples of histograms, and counters that grow by themselves."""

import pytest

from exporter.exposition.model import Family, Growth, histogram_samples


@pytest.mark.parametrize(
    ("type_", "name", "is_named"),
    [
        ("gauge", "x", True),
        ("gauge", "x_count", False),
        ("gauge", "y", False),
        ("histogram", "x", True),
        ("histogram", "x_bucket", True),
        ("histogram", "x_count", True),
        ("histogram", "x_sum", True),
        ("histogram", "x_total", False),
    ],
)
def test_a_family_is_named_by_itself_and_by_its_series(type_: str, name: str, is_named: bool) -> None:
    """`?name[]=` has the name of a series, as a user sees it in Prometheus."""
    assert Family("x", type_, "Help.").is_named_in(["z", name]) is is_named
    assert not Family("x", type_, "Help.").is_named_in([])


def test_buckets_are_cumulative_and_end_with_all() -> None:
    """Also if nothing was observed, or something above all bounds."""
    samples = histogram_samples((1.0, 60.0), ("namespace",), ("ns",), [2, 0, 3], 500.0)
    assert [(sample.suffix, sample.labels, sample.value) for sample in samples] == [
        ("_bucket", ("1.0", "ns"), 2),
        ("_bucket", ("60.0", "ns"), 2),
        ("_bucket", ("+Inf", "ns"), 5),
        ("_count", ("ns",), 5),
        ("_sum", ("ns",), 500.0),
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [((), ("le",)), (("namespace",), ("le", "namespace")), (("job", "namespace"), ("job", "le", "namespace"))],
)
def test_le_takes_its_place_among_the_labels(names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """Labels are printed in alphabetical order."""
    bucket, *_ = histogram_samples((1.0,), names, tuple(f"of {name}" for name in names), [0, 0], 0.0)
    assert bucket.label_names == expected
    assert dict(zip(expected, bucket.labels, strict=True)) == {"le": "1.0"} | {name: f"of {name}" for name in names}


def test_counts_have_to_fit_their_bounds() -> None:
    """A bucket that is missing would shift all others."""
    with pytest.raises(ValueError, match="shorter"):
        histogram_samples((1.0, 2.0), (), (), [1, 2], 0.0)


def test_growth_is_linear_from_its_start() -> None:
    """2 a second since second 10, on top of 5."""
    growth = Growth(5.0, 2.0, since=10.0)
    assert [growth.at(now) for now in (10.0, 10.5, 20.0)] == [5.0, 6.0, 25.0]
    assert Growth(5.0, 0.0, since=10.0).at(1e9) == 5.0


def test_a_familys_name_is_in_its_representation() -> None:
    """What a failed test prints."""
    assert repr(Family("x", "gauge", "Help.")) == "Family('x')"
