"""Answers of the API server, read as bytes as they come, within a time and without what they repeat of credentials.

Hides urllib3 in reading: its errors become ours.
"""

import http.client
import io
import math
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http import HTTPStatus
from typing import Any

import urllib3
from kubernetes.client.rest import RESTResponse
from urllib3.exceptions import HTTPError, ReadTimeoutError

from exporter.errors import IdleTimeoutError, StreamError
from exporter.kube.client import headers

MAX_READ_BYTES = 1024 * 1024
"""Of an answer that is read as a whole, such as a review; one that is longer is cut off."""

HEAD_MAX_SECONDS = 30.0
"""In addition to the read timeout, which starts anew with each byte: a proxy that sends one a second is never idle."""

HEAD_MAX_BYTES = 1024 * 1024
"""With all interim answers, such as `100 Continue`: a server that sends them without end uses a whole core."""

_READ_BYTES = 64 * 1024


class Response(RESTResponse):
    """An answer whose body has not been read yet. For one thread, but for `abort`.

    What an error's body repeats of the request's credentials is left out.
    """

    response: urllib3.HTTPResponse
    status: int

    def __init__(self, answer: RESTResponse, secrets: tuple[str, ...]) -> None:
        super().__init__(answer.response)
        self._secrets = secrets
        self.data: Any = None
        # urllib3 has no public name for it.
        self._received: TimedHttpResponse = answer.response._original_response  # noqa: SLF001

    def read(self, limit_bytes: int = MAX_READ_BYTES) -> bytes:
        """Return the first bytes of the body, decompressed, and close; raises StreamError if they do not come."""
        if self.data is None:
            # A secret that the limit cuts in two would not be found.
            margin = max(map(len, self._secrets), default=0) * headers.LONGEST_ESCAPE
            try:
                with _as_stream_error():
                    body = self.response.read(limit_bytes + margin, decode_content=True)
            finally:
                self.close()
            self.data = (body if self.status == HTTPStatus.OK else self.redacted(body))[:limit_bytes]
        return bytes(self.data)

    def redacted(self, body: bytes) -> bytes:
        """Return bytes without the secrets that are in them."""
        return headers.redact(body.decode(errors="surrogateescape"), self._secrets).encode(errors="surrogateescape")

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it comes, never waiting to fill a buffer; raises as `read` does."""
        with _as_stream_error():
            read: Callable[[int], bytes] = partial(self.response.read1, decode_content=True)
            if self.response.chunked and "Content-Encoding" not in self.headers:
                # A third of what a change costs that arrives alone is to read it; urllib3 takes twice as many steps.
                read = self._received.read1
            try:
                while data := read(_READ_BYTES):
                    yield data
            except Exception:
                # After some of these errors http.client looks as after the end: its connection would be kept, dead.
                self.response.close()
                raise

    def limit(self, seconds: float) -> None:
        """Let reading fail when this time has passed, although bytes come."""
        self._received.limit(seconds, "the answer did not arrive within")

    def abort(self) -> None:
        """Wake a thread that is blocked in reading; any thread may call this, at any time."""
        # Closing does not wake it. Refused when the answer has been read to its end meanwhile.
        with suppress(ValueError, RuntimeError, OSError):
            self.response.shutdown()
            return
        # TLS within TLS, through an https proxy: urllib3's socket for it cannot be shut down, but the outer one can.
        with suppress(AttributeError, OSError):
            connection: Any = self.response.connection
            connection.sock.socket.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else close it."""
        if self.response.closed:
            self.response.release_conn()
        else:
            self.response.close()


class TimedHttpResponse(http.client.HTTPResponse):
    """What a connection receives: the head has to arrive in time, and so has the body of all but a successful GET.

    That may be a watch, which takes minutes: who reads it limits its time.
    """

    def __init__(self, sock: Any, debuglevel: int = 0, method: str | None = None, url: str | None = None) -> None:
        super().__init__(sock, debuglevel, method, url)
        self._is_get = method == "GET"
        self._idle_seconds = sock.gettimeout()
        self._timed = _Timed(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._timed)
        self.limit(self._timed.idle_seconds + HEAD_MAX_SECONDS, "it took longer than")

    def begin(self) -> None:
        super().begin()
        self._timed.head_bytes = math.inf
        # Of a head that took long, less than the read time-out is left on the socket.
        self._timed.socket.settimeout(self._idle_seconds)
        if self._is_get:
            self.limit(math.inf if self.status == HTTPStatus.OK else HEAD_MAX_SECONDS, "it took longer than")

    def limit(self, seconds: float, reason: str) -> None:
        """Let reading fail when this time has passed; its error is the reason and the time."""
        self._timed.deadline, self._timed.reason = time.monotonic() + seconds, f"{reason} {seconds:g} s"


class _Timed(io.RawIOBase):
    """Bytes of a connection, until a time has passed. No time-out of a socket ends what gets a byte now and then."""

    deadline = math.inf
    reason = ""
    head_bytes: float = HEAD_MAX_BYTES

    def __init__(self, raw: io.RawIOBase, sock: Any) -> None:
        self._raw = raw
        self.socket = sock
        self.idle_seconds: float = sock.gettimeout() or math.inf

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise OSError(self.reason)
        if left < math.inf:
            self.socket.settimeout(min(self.idle_seconds, left))
        try:
            count: int = self.socket.recv_into(buffer)
        except TimeoutError:
            if time.monotonic() < self.deadline:
                raise
            raise OSError(self.reason) from None
        self.head_bytes -= count
        if self.head_bytes < 0:
            raise OSError(f"its head has more than {HEAD_MAX_BYTES} bytes")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


@contextmanager
def _as_stream_error() -> Iterator[None]:
    try:
        yield
    except (ReadTimeoutError, TimeoutError) as exc:
        raise IdleTimeoutError("no byte came for too long") from exc
    except http.client.IncompleteRead as exc:
        raise StreamError("the answer is incomplete") from exc
    except (HTTPError, http.client.HTTPException, OSError, ValueError) as exc:
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
