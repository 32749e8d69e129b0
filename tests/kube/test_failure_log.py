"""Failures are logged once for each change, and those of many informers together have a bound."""

import logging

import pytest

from exporter.errors import ConnectError, StatusError
from exporter.kube.failure_log import BURST, LINES_PER_SECOND, FailureLog, ResourceLogger, informer_log_limit
from exporter.logs.limit import LogLimit
from tests.support.clocks import FakeClock

LOGGER = logging.getLogger("test")


def resource_logger(clock: FakeClock | None = None, limit: LogLimit | None = None) -> ResourceLogger:
    return ResourceLogger(LOGGER, {"resource": "rayjobs"}, limit or informer_log_limit(clock or FakeClock()))


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[tuple[str, str]]:
    return [(record.levelname, record.message) for record in caplog.records if record.levelno >= level]


def test_the_same_failure_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """Another one is logged again, and so is the success after them."""
    failures = FailureLog("list", resource_logger())
    with caplog.at_level(logging.DEBUG):
        for error in (ConnectError("refused"), ConnectError("refused"), StatusError(403, "forbidden")):
            failures.failed(error)
        assert (failures.consecutive, failures.refusals) == (3, 1)
        failures.succeeded()
        failures.succeeded()
    assert lines(caplog) == [
        ("WARNING", "list failed, retrying: refused"),
        ("ERROR", "list failed, retrying: 403: forbidden"),
        ("INFO", "list succeeded again"),
    ]
    assert (failures.consecutive, failures.refusals) == (0, 0)
    assert len(lines(caplog, logging.DEBUG)) == 4


def test_a_reset_is_neither_a_failure_nor_a_success(caplog: pytest.LogCaptureFixture) -> None:
    """As when a kind turns out not to be installed."""
    failures = FailureLog("list", resource_logger())
    failures.failed(ConnectError("refused"))
    failures.reset()
    failures.succeeded()
    assert len(lines(caplog)) == 1


def test_refusals_in_a_row_are_counted() -> None:
    """Another failure in between starts anew."""
    failures = FailureLog("list", resource_logger())
    for code in (403, 401, 500, 403):
        failures.failed(StatusError(code, "m"))
    assert (failures.consecutive, failures.refusals) == (4, 1)


def test_lines_of_many_informers_are_bounded_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """900 informers that fail at once; the first line after that says how many were not written."""
    clock = FakeClock()
    limit = informer_log_limit(clock)
    with caplog.at_level(logging.INFO):
        for _ in range(900):
            FailureLog("list", resource_logger(limit=limit)).failed(ConnectError("refused"))
        assert len(caplog.records) == BURST
        clock.advance(10)
        resource_logger(limit=limit).info("synced")
    assert caplog.records[-1].__dict__["suppressed"] == 900 - BURST
    assert caplog.records[-1].__dict__["resource"] == "rayjobs"


def test_a_single_informer_never_reaches_the_bound(caplog: pytest.LogCaptureFixture) -> None:
    """A line every two seconds, for an hour."""
    clock = FakeClock()
    logger = resource_logger(clock)
    with caplog.at_level(logging.INFO):
        for _ in range(1800):
            logger.warning("something")
            clock.advance(2)
    assert len(caplog.records) == 1800


def test_a_burst_is_logged_and_what_follows_is_suppressed() -> None:
    """The next line that is logged says how many were not."""
    clock = FakeClock()
    limit = informer_log_limit(clock)
    assert [limit.take() for _ in range(BURST)] == [0] * BURST
    assert [limit.take() for _ in range(7)] == [None] * 7
    clock.advance(1 / LINES_PER_SECOND)
    assert [limit.take(), limit.take()] == [7, None]
    clock.advance(1 / LINES_PER_SECOND)
    assert limit.take() == 1


def test_a_quiet_time_allows_no_more_than_a_burst() -> None:
    """However long it was."""
    clock = FakeClock()
    limit = informer_log_limit(clock)
    clock.advance(1e6)
    assert sum(limit.take() is not None for _ in range(10 * BURST)) == BURST


def test_many_lines_for_long_are_logged_at_the_rate() -> None:
    """An hour of ten lines a second."""
    clock = FakeClock()
    limit = informer_log_limit(clock)
    logged = 0
    for _ in range(36_000):
        clock.advance(0.1)
        logged += limit.take() is not None
    assert abs(logged - BURST - 3600 * LINES_PER_SECOND) <= 1
