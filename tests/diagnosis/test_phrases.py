"""Figures in sentences: ages and counts."""

from datetime import datetime, timedelta

import pytest

from exporter.diagnosis.phrases import age, age_seconds, count, duration, ended, exactly, last_line, unsaid
from tests.support.fleets import NOW


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (119, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (3659, "1 h"),
        (3660, "1 h 1 min"),
        (11_100, "3 h 5 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (89_999, "1 d"),
        (90_000, "1 d 1 h"),
        (100 * 86_400, "100 d"),
    ],
)
def test_duration(seconds: float, expected: str) -> None:
    """A duration has its two largest units, rounded down; a second unit of 0 is left out."""
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(45, "45 s"), (60, "1 min"), (90, "90 s"), (5400, "1 h 30 min"), (86_400, "1 d"), (100_000, "100000 s")],
)
def test_duration_that_was_set_is_exact(seconds: int, expected: str) -> None:
    """A limit of 90 seconds is not a minute."""
    assert exactly(seconds) == expected


@pytest.mark.parametrize(
    ("since", "seconds", "text"),
    [
        (None, 0.0, "an unknown time"),
        (NOW, 0.0, "0 s"),
        (NOW + timedelta(minutes=5), 0.0, "0 s"),
        (NOW - timedelta(seconds=90), 90.0, "1 min"),
        (NOW - timedelta(milliseconds=500), 0.5, "0 s"),
        (NOW - timedelta(days=20_000), 20_000 * 86_400.0, "an unknown time"),
    ],
)
def test_age(since: datetime | None, seconds: float, text: str) -> None:
    """A time in the future is now; an absent one, or one of 1970, is unknown."""
    assert (age_seconds(NOW, since), age(NOW, since)) == (seconds, text)


@pytest.mark.parametrize(("number", "expected"), [(0, "0 pods"), (1, "1 pod"), (2, "2 pods")])
def test_count(number: int, expected: str) -> None:
    """Only one is singular."""
    assert count(number, "pod") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No pod", "No pod."),
        ("No pod.", "No pod."),
        ("No pod... ", "No pod."),
        ("No pod…", "No pod…"),
        ("nodes: 0/3", "nodes: 0/3."),
    ],
)
def test_ended(text: str, expected: str) -> None:
    """A text ends with one full stop, but keeps the mark of a cut."""
    assert ended(text) == expected


@pytest.mark.parametrize(
    ("message", "sentence", "expected"),
    [
        ("", "Failed.", ""),
        ("no quota.", "Failed: no quota.", ""),
        ("no quota", "Failed.", "no quota"),
        ("a" * 200, f"Failed: {'a' * 159}…", "…" + "a" * 41),
        ("b" * 200, f"Failed: {'a' * 159}…", "b" * 200),
    ],
)
def test_unsaid(message: str, sentence: str, expected: str) -> None:
    """What is quoted, whole or cut, is left out."""
    assert unsaid(message, sentence) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (None, ""),
        ("a\n\n b  c.\n ", "b c"),
        ("\x1b[36m(train pid=7)\x1b[0m no data\n\x1b[0m\n", "(train pid=7) no data"),
        ("a\n" + "b" * 200, "b" * 159 + "…"),
        ("ERROR: no foo==9\n\n  [notice] A new release of pip is available\n", "ERROR: no foo==9"),
    ],
)
def test_last_line(message: str | None, expected: str) -> None:
    """A line that has only colours is empty; pip's notices about its own version are skipped."""
    assert last_line(message) == expected
