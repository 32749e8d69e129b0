"""Log messages about clients: one a minute, with a count."""

import logging

from exporter.web import client_log


def test_messages_about_clients_are_one_a_minute() -> None:
    """Of each kind, with how many there were since the previous line."""
    now = [0.0]
    records: list[tuple[str, int]] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append((record.getMessage(), vars(record)["count"]))  # type: ignore[method-assign]
    client_log.log.addHandler(handler)
    try:
        messages = client_log.ClientLog(lambda: now[0])
        for second in range(121):
            now[0] = float(second)
            messages.log(logging.WARNING, "a")
        messages.log(logging.WARNING, "b")
    finally:
        client_log.log.removeHandler(handler)
    assert records == [("a", 1), ("a", 60), ("a", 60), ("b", 1)]
