"""What the last release had is still there, as docs/stability.md promises."""

import pytest

from tests.support.helm_chart import ROOT
from tools import stability

CHANGELOG = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
"""The section Unreleased."""


def table(text: str) -> dict[str, list[str]]:
    return {line.split(" ")[0]: line.split(" ")[1:] for line in text.splitlines()}


def broken(released: dict[str, list[str]], now: dict[str, list[str]], changelog: str) -> list[str]:
    """Return the metrics whose change is not allowed."""
    found = []
    for name, (type_, level, labels) in released.items():
        new = now.get(name)
        same = new is not None and (new[0], new[2]) == (type_, labels)
        lowered = new is not None and level in ("STABLE", "BETA") and new[1] == "EXPERIMENTAL"
        if level == "DEPRECATED" or (level == "EXPERIMENTAL" and f"`{name}`" in changelog):
            continue
        if not same or lowered:
            found.append(name)
    return found


def test_no_metric_of_the_last_release_is_gone_or_has_other_labels() -> None:
    """A rename is both: the old name is gone."""
    released = table((stability.RELEASED / "metrics.txt").read_text())
    assert len(released) > 100
    assert broken(released, table(stability.metrics()), CHANGELOG) == []


@pytest.mark.parametrize(
    ("level", "new", "changelog", "is_broken"),
    [
        ("BETA", {}, "removes `a`", True),
        ("BETA", {"a": ["gauge", "BETA", "x"]}, "", False),
        ("BETA", {"a": ["gauge", "BETA", "x,y"]}, "`a`", True),
        ("BETA", {"a": ["counter", "BETA", "x"]}, "", True),
        ("BETA", {"a": ["gauge", "EXPERIMENTAL", "x"]}, "", True),
        ("STABLE", {"a": ["gauge", "DEPRECATED", "x"]}, "", False),
        ("EXPERIMENTAL", {}, "", True),
        ("EXPERIMENTAL", {}, "removes `a`", False),
        ("EXPERIMENTAL", {"a": ["gauge", "BETA", "x"]}, "", False),
        ("DEPRECATED", {}, "", False),
    ],
)
def test_which_changes_are_allowed(level: str, new: dict[str, list[str]], changelog: str, is_broken: bool) -> None:
    """Of a metric `a` with the label x."""
    assert broken({"a": ["gauge", level, "x"]}, new, changelog) == ["a"] * is_broken


def test_no_field_of_the_api_is_gone_or_has_another_type() -> None:
    """Fields are only added."""
    released = (stability.RELEASED / "api.txt").read_text().splitlines()
    assert len(released) > 100
    assert set(released) <= set(stability.api().splitlines())


def test_no_alert_or_recorded_series_of_the_last_release_is_gone() -> None:
    """Routes, silences and dashboards name them."""
    released = (stability.RELEASED / "rules.txt").read_text().splitlines()
    assert len(released) > 30
    assert set(released) <= set(stability.rules().splitlines())
