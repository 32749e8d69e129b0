"""What a reflector needs of an API server: GET requests, and answers read as bytes as they come.

Hides urllib3 in reading: its errors become ours.
"""

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from exporter.errors import IdleTimeoutError, StreamError

SHORTEST_SECRET = 4
"""Shorter texts are in every message by chance."""

_READ_BYTES = 64 * 1024
_OK = 200


class Response:
    """An answer whose body has not been read yet. For one thread, but for `abort`.

    What an error's body repeats of the request's credentials is left out.
    """

    def __init__(self, raw: urllib3.BaseHTTPResponse, secrets: tuple[str, ...] = ()) -> None:
        self._raw = raw
        self._secrets = [secret.encode() for secret in secrets if len(secret) >= SHORTEST_SECRET]
        self.status = raw.status
        self.headers: Mapping[str, str] = raw.headers

    def read(self, limit_bytes: int | None = None) -> bytes:
        """Return the body (its first `limit_bytes`), decompressed.

        Raises:
            StreamError: it broke off, or nothing came for the read time-out.
        """
        if self.status == _OK or not self._secrets:
            return self._read(limit_bytes)
        # A secret that the limit cuts in two would not be found.
        margin = max(map(len, self._secrets))
        body = self._read(None if limit_bytes is None else limit_bytes + margin)
        for secret in self._secrets:
            body = body.replace(secret, b"[redacted]")
        return body[:limit_bytes]

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it comes, never waiting to fill a buffer; raises as `read` does."""
        with _as_stream_error():
            if self._raw.chunked:
                yield from self._raw.stream(_READ_BYTES, decode_content=True)
                return
            while data := self._raw.read1(_READ_BYTES, decode_content=True):
                yield data

    def abort(self) -> None:
        """Wake a thread that is blocked in reading; any thread may call this, at any time."""
        # Closing does not wake it. Refused when the answer has been read to its end meanwhile.
        with suppress(ValueError, RuntimeError, OSError):
            self._raw.shutdown()
            return
        # TLS within TLS, through an https proxy: urllib3's socket for it cannot be shut down, but the outer one can.
        with suppress(AttributeError, OSError):
            connection: Any = self._raw.connection
            connection.sock.socket.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else close it."""
        if self._raw.closed:
            self._raw.release_conn()
        else:
            self._raw.close()

    def _read(self, limit_bytes: int | None) -> bytes:
        with _as_stream_error():
            return self._raw.read(limit_bytes, decode_content=True)


class Transport(Protocol):
    """What a reflector needs of an API server."""

    def get(self, path: str, query: Mapping[str, str], *, read_timeout_seconds: float, gzip: bool = False) -> Response:
        """Send a GET request.

        Raises:
            ConnectError: no connection, or no credentials.
            IdleTimeoutError: a connection, but no answer in time.
            StreamError: a connection, but no answer.
        """


@contextmanager
def _as_stream_error() -> Iterator[None]:
    try:
        yield
    except ReadTimeoutError as exc:
        raise IdleTimeoutError("no byte came for too long") from exc
    except (HTTPError, OSError, ValueError) as exc:
        raise StreamError(reason_of(exc)) from exc


def reason_of(exc: BaseException) -> str:
    """Return the innermost cause in words that do not change from try to try (urllib3's hold addresses)."""
    while inner := exc.__cause__ or next((arg for arg in exc.args if isinstance(arg, BaseException)), None):
        exc = inner
    text = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    # urllib3 puts the connection, perhaps with its address in memory, before some of its own, and ssl its source line
    # after them.
    text = re.sub(r"^<?[\w.]+\(.*?\)( at 0x\w+>)?: (Failed to establish a new connection: )?", "", text)
    text = re.sub(r"^\[SSL(: \w+)?\] | \(_ssl\.c:\d+\)$", "", text)
    return " ".join(text.split()) or type(exc).__name__
