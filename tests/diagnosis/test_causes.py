"""The table of causes."""

import re

from exporter.diagnosis.causes import Cause, Severity


def test_severities_are_ordered() -> None:
    """The first is the worst."""
    assert [severity.value for severity in Severity] == ["critical", "warning", "info"]


def test_causes_are_unique() -> None:
    """The list is closed: each name is one cause."""
    assert len({cause.value for cause in Cause}) == len(Cause.__members__)


def test_rows_are_complete() -> None:
    """A name can be part of a URL, and of a label's value; an anchor is one of a heading."""
    for cause in Cause:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cause.value)
        assert cause.meaning, cause
        assert cause.advice, cause
        assert re.fullmatch(r"[a-z-]+", cause.runbook)


def test_texts_are_unique() -> None:
    """No text was copied from another cause."""
    assert len({row.meaning for row in Cause}) == len(Cause)
    assert len({row.advice for row in Cause}) == len(Cause)


def test_only_what_stops_a_service_or_the_operator_is_critical() -> None:
    """As docs/runbooks.md defines it; or what Kueue has given up."""
    critical = [cause for cause in Cause if cause.severity is Severity.CRITICAL]
    assert critical == [
        Cause.OPERATOR_SILENT,
        Cause.NO_SERVE_ENDPOINTS,
        Cause.INITIALIZING_TIMEOUT,
        Cause.DEACTIVATED,
    ]


def test_what_somebody_wants_is_information() -> None:
    """No alert is about what a user or Kueue has chosen."""
    chosen = (Cause.SCHEDULING_GATED, Cause.ADMISSION_PENDING, Cause.MANAGED, Cause.SUSPENDED, Cause.INTERACTIVE)
    assert {cause.severity for cause in chosen} == {Severity.INFO}
