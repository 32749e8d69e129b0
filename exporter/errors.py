"""Every error that the exporter raises on purpose.

    ExporterError
    ├── ConfigError         a flag or a file of the user's is wrong: exit code 2
    ├── CredentialsError    nothing to reach a cluster with: exit code 1
    ├── InputError          `render` was given something it cannot read: exit code 1
    ├── DecodeError         bytes that are not what they should be
    └── ApiError            one request to the API server did not do its work
        ├── ConnectError    no connection: refused, timed out, name unknown, no credentials
        │   └── HandshakeError  TLS: one side does not accept the other's certificate
        ├── StreamError     a connection that broke, or whose bytes made no sense
        │   └── IdleTimeoutError    nothing came for too long: it may be half open
        └── StatusError     an answer other than 200, or an ERROR event in a watch

Foreign errors become one of these at the border where they arise (`raise … from exc`).
Messages are one line, lower case, and carry the value that was wrong.
"""


class ExporterError(Exception):
    """The root; `except ExporterError` catches whatever the exporter knows how to explain."""


class ConfigError(ExporterError):
    """A flag, an environment variable or a file named by one has a wrong value."""


class CredentialsError(ExporterError):
    """There is nothing to reach a cluster with; the message says what was looked for."""


class InputError(ExporterError):
    """A file given to `render` cannot be read as Kubernetes objects."""


class DecodeError(ExporterError):
    """Bytes that are not the JSON, or not the shape, that they should be."""


class ApiError(ExporterError):
    """One request to the API server failed; the caller decides when to try again."""


class ConnectError(ApiError):
    """The request was never answered: refused, timed out, name unknown, TLS refused."""


class HandshakeError(ConnectError):
    """TLS failed: a certificate of either side was not accepted; files that have changed may help.

    Attributes:
        is_server_untrusted: it was the server's, and the exporter did not accept it.
    """

    def __init__(self, message: str, *, is_server_untrusted: bool) -> None:
        super().__init__(message)
        self.is_server_untrusted = is_server_untrusted


class StreamError(ApiError):
    """An answer broke off, did not come, or was not what it should be."""


class IdleTimeoutError(StreamError):
    """Nothing came for as long as was waited."""


class StatusError(ApiError):
    """An answer of the API server, or of a proxy in front of it, that is not the one that was requested.

    Attributes:
        code: the HTTP status, or the `code` of an ERROR event.
        retry_after_seconds: what the server asked for, None if it did not.
        is_not_served: it is the API server's own 404 for a path that it does not serve.
    """

    def __init__(
        self, code: int, message: str, retry_after_seconds: float | None = None, *, is_not_served: bool = False
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.retry_after_seconds = retry_after_seconds
        self.is_not_served = is_not_served
