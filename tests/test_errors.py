"""Errors of answers of the API server."""

from exporter.errors import StatusError


def test_an_answer_carries_its_code_in_the_message() -> None:
    """Logs show the message alone."""
    error = StatusError(429, "too many requests", 1.5)
    assert (str(error), error.code, error.retry_after_seconds, error.is_not_served) == (
        "429: too many requests",
        429,
        1.5,
        False,
    )
