"""Log messages about clients: one a minute, with a count."""

import logging

from exporter.web import client_log
from tests.support.clocks import FakeClock


def test_messages_about_clients_are_one_a_minute() -> None:
    """Of each kind, with how many there were since the previous line."""
    clock = FakeClock()
    records: list[tuple[str, int]] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append((record.getMessage(), vars(record)["count"]))  # type: ignore[method-assign]
    client_log.log.addHandler(handler)
    try:
        client_log.limit_client_log(clock)
        for _ in range(121):
            client_log.log.warning("a")
            clock.advance(1)
        client_log.log.warning("b")
    finally:
        client_log.log.removeHandler(handler)
        client_log.limit_client_log()
    assert records == [("a", 1), ("a", 60), ("a", 60), ("b", 1)]
