"""GET requests to one API server, on the `kubernetes` client's configuration and connection pool.

Hides urllib3: its errors become ours, and answers come as bytes. Does not retry: what to do after
a failure is the caller's decision.
"""

import logging
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Protocol
from urllib.parse import urlencode

import urllib3
from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config import ConfigException
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InsecureRequestWarning,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from exporter import __version__
from exporter.errors import ConnectError, ExporterError, IdleTimeoutError, StreamError

CONNECT_TIMEOUT_SECONDS = 5.0
_READ_BYTES = 64 * 1024

LoadConfiguration = Callable[[], Configuration]
"""Reads where the API server is and who the exporter is there: at the start, and again after a 401."""

log = logging.getLogger(__name__)


class Response:
    """An answer whose body has not been read yet. For one thread, but for `abort`."""

    def __init__(self, raw: urllib3.BaseHTTPResponse) -> None:
        self._raw = raw
        self.status = raw.status
        self.headers: Mapping[str, str] = raw.headers

    def read(self, limit_bytes: int | None = None) -> bytes:
        """Return the body (its first `limit_bytes`), decompressed.

        Raises:
            StreamError: it broke off, or nothing came for the read time-out.
        """
        with _as_stream_error():
            return self._raw.read(limit_bytes, decode_content=True)

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

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else close it."""
        if self._raw.closed:
            self._raw.release_conn()
        else:
            self._raw.close()


class Transport(Protocol):
    """What a reflector needs of an API server."""

    def get(self, path: str, query: Mapping[str, str], *, read_timeout_seconds: float, gzip: bool = False) -> Response:
        """Send a GET request.

        Raises:
            ConnectError: no connection.
            IdleTimeoutError: a connection, but no answer in time.
            StreamError: a connection, but no answer.
        """


class ApiTransport:
    """One API server. Any thread may call; each running request holds a connection of its own.

    Credentials are read again when the server answers 401 (a rotated token file, certificate or
    exec plugin); the request is sent once more if that gave other ones.
    """

    def __init__(self, load: LoadConfiguration, connections: int) -> None:
        """`load` reads the configuration; `connections` is how many requests run at once."""
        self._load = load
        self._connections = connections
        # Guards the two below: written by `_renew`, the session read without it.
        self._lock = threading.Lock()
        self._session = _Session(load(), connections)
        self._told = ""
        if not self._session.is_verifying:
            # Said once here, and not by urllib3 at every request.
            log.warning("the API server's certificate is not verified: insecure-skip-tls-verify")
            urllib3.disable_warnings(InsecureRequestWarning)

    @property
    def host(self) -> str:
        return self._session.host

    def get(self, path: str, query: Mapping[str, str], *, read_timeout_seconds: float, gzip: bool = False) -> Response:
        session = self._session
        authorization = session.authorization()
        response = session.get(path, query, authorization, read_timeout_seconds, gzip=gzip)
        if response.status == 401 or (response.status == 403 and session.is_anonymous(authorization)):
            session = self._renew(session)
            renewed = session.authorization()
            if renewed != authorization:
                response.close()
                response = session.get(path, query, renewed, read_timeout_seconds, gzip=gzip)
        return response

    def _renew(self, refused: "_Session") -> "_Session":
        with self._lock:
            if self._session is refused:
                try:
                    self._session = _Session(self._load(), self._connections)
                except ExporterError as exc:
                    level = logging.DEBUG if str(exc) == self._told else logging.WARNING
                    self._told = str(exc)
                    log.log(level, "couldn't read the credentials again: %s", exc)
                else:
                    refused.close()
            return self._session


class _Session:
    """One reading of the configuration, and the pool made from it."""

    def __init__(self, configuration: Configuration, connections: int) -> None:
        configuration.keep_alive = True
        configuration.connection_pool_maxsize = connections
        self.host: str = configuration.host
        self._configuration = configuration
        self._pool = RESTClientObject(configuration).pool_manager
        self.is_verifying: bool = configuration.verify_ssl
        if self.host.startswith("https"):
            self._pool.connection_pool_kw["ssl_context"] = _ssl_context(configuration)
        # The client's hook renews a token in place, perhaps by running a plugin: one thread at a time.
        self._hook_lock = threading.Lock()

    def authorization(self) -> str | None:
        """Return the value of the Authorization header, renewed if it is about to expire."""
        try:
            with self._hook_lock:
                value = self._configuration.get_api_key_with_prefix("BearerToken")
        except (ConfigException, OSError, ValueError, KeyError) as exc:
            raise ConnectError(f"couldn't renew the credentials: {exc}") from exc
        return str(value).strip() if value else None

    def is_anonymous(self, authorization: str | None) -> bool:
        return not authorization and not self._configuration.cert_file

    def get(
        self,
        path: str,
        query: Mapping[str, str],
        authorization: str | None,
        read_timeout_seconds: float,
        *,
        gzip: bool,
    ) -> Response:
        headers = {"Accept": "application/json", "User-Agent": f"kuberay-exporter/{__version__}"}
        if authorization:
            headers["Authorization"] = authorization
        if gzip:
            headers["Accept-Encoding"] = "gzip"
        url = f"{self.host}{path}?{urlencode(query)}"
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=read_timeout_seconds)
        try:
            return Response(
                self._pool.urlopen(
                    "GET",
                    url,
                    headers=headers,
                    timeout=timeout,
                    retries=False,
                    redirect=False,
                    preload_content=False,
                )
            )
        except (NewConnectionError, ConnectTimeoutError, SSLError, ProxyError) as exc:
            raise ConnectError(f"couldn't connect to {self.host}: {_reason(exc)}") from exc
        except ReadTimeoutError as exc:
            raise IdleTimeoutError(f"no answer from {self.host} within {read_timeout_seconds:g} s") from exc
        except (HTTPError, OSError, ValueError) as exc:
            raise StreamError(f"no answer from {self.host}: {_reason(exc)}") from exc

    def close(self) -> None:
        """Close what is idle; requests under way keep their connections."""
        self._pool.clear()


def _ssl_context(configuration: Configuration) -> ssl.SSLContext:
    """Return a context that checks certificates as Go does.

    Python 3.13 began to set VERIFY_X509_STRICT, which refuses the CAs of many clusters (EKS: no
    Authority Key Identifier); kubectl accepts them.
    """
    required = ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE
    context = urllib3.util.create_urllib3_context(cert_reqs=required)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not configuration.ssl_ca_cert:
        context.load_default_certs()
    return context


@contextmanager
def _as_stream_error() -> Iterator[None]:
    try:
        yield
    except ReadTimeoutError as exc:
        raise IdleTimeoutError("no byte came for too long") from exc
    except (HTTPError, OSError, ValueError) as exc:
        raise StreamError(_reason(exc)) from exc


def _reason(exc: BaseException) -> str:
    """Return the innermost cause in words that do not change from try to try (urllib3's hold addresses)."""
    while inner := exc.__cause__ or next((arg for arg in exc.args if isinstance(arg, BaseException)), None):
        exc = inner
    text = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    return " ".join(text.split()) or type(exc).__name__
