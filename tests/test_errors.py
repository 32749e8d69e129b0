"""The tree of errors, and what callers read from them."""

import inspect

from exporter import errors
from exporter.errors import ApiError, ConnectError, ExporterError, HandshakeError, IdleTimeoutError, StatusError


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Each error under its parent, by indentation; none is missing."""
    classes = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    drawn: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        name = next((word for word in line.replace("│", " ").split() if word in classes), None)
        if name is None:
            continue
        column = line.index(name)
        path = [(left, above) for left, above in path if left < column]
        drawn[name] = path[-1][1] if path else "Exception"
        path.append((column, name))
    assert drawn == {name: getattr(errors, name).__base__.__name__ for name in classes}


def test_an_answer_carries_its_code_in_the_message() -> None:
    """Logs show the message alone."""
    error = StatusError(429, "too many requests", 1.5)
    assert (str(error), error.code, error.retry_after_seconds, error.is_not_served) == (
        "429: too many requests",
        429,
        1.5,
        False,
    )


def test_failures_of_one_request_are_api_errors() -> None:
    """The reflector retries all of them alike, and no fault of ours."""
    failures: list[Exception] = [
        StatusError(500, "m"),
        ConnectError("m"),
        IdleTimeoutError("m"),
        HandshakeError("m", is_server_untrusted=True),
    ]
    assert all(isinstance(failure, ApiError) for failure in failures)
    assert issubclass(ApiError, ExporterError)
    assert not issubclass(errors.ConfigError, ApiError)
