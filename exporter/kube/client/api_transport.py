"""Requests to one API server, by the `kubernetes` client, with credentials and trust that are renewed as they change.

Does not retry what may pass: what to do after a failure is the caller's decision.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes.client import Configuration
from kubernetes.client.api_client import ApiClient
from urllib3.exceptions import InsecureRequestWarning

from exporter import __version__
from exporter.errors import ConnectError, ExporterError, HandshakeError, IdleTimeoutError, StreamError
from exporter.kube.client.access import Access, Credential
from exporter.kube.client.pools import Pools
from exporter.kube.client.response import Response

LoadAccess = Callable[[], Access]
"""Reads how the API server is reached: at the start, every minute, and after a refusal."""

CONNECT_TIMEOUT_SECONDS = 5.0

REREAD_SECONDS = 60.0
"""As client-go does it with token files."""

log = logging.getLogger(__name__)


class ApiTransport(ApiClient):
    """The client of one API server, for raw requests and for the client's typed APIs. Any thread may call.

    The files are read again every minute, and a plugin runs again when its credentials have expired. After a refusal
    (401, or TLS on either side) both are done anyway, and the request is sent once more if anything is new.
    """

    rest_client: Pools

    def __init__(self, load: LoadAccess, connections: int) -> None:
        """Read the configuration, without connecting or running a plugin.

        `connections` is how many requests run at once.

        Raises:
            ConfigError: the configuration is not usable.
            CredentialsError: there is none.
        """
        self._load = load
        self._connections = connections
        # Guards the reload, and all below.
        self._lock = threading.Lock()
        self._failure = ""
        self._read_at = time.monotonic()
        # The typed APIs make addresses of this host. They must not have one: it may change before a request is sent.
        super().__init__(Configuration(host="", proxy="", no_proxy=""))
        self.user_agent = f"kuberay-exporter/{__version__}"
        self._access = load()
        self.rest_client = Pools(self._access, self._access.credential.certificate, connections)
        self._report()

    @property
    def host(self) -> str:
        """The server's address, to be printed."""
        return str(self._access.host)

    def get(self, path: str, query: Mapping[str, str], *, read_timeout_seconds: float, gzip: bool = False) -> Response:
        """Send a GET request.

        Raises:
            ConnectError: no connection, or no credentials.
            IdleTimeoutError: a connection, but no answer in time.
            StreamError: a connection, but no answer.
        """
        header = {"Accept": "application/json"}
        if gzip and self._access.is_compressing:
            header["Accept-Encoding"] = "gzip"
        timeout = (CONNECT_TIMEOUT_SECONDS, read_timeout_seconds)
        return self.call_api("GET", f"{path}?{urlencode(query)}".rstrip("?"), header, _request_timeout=timeout)

    def call_api(
        self,
        method: str,
        url: str,
        header_params: Mapping[str, str] | None = None,
        body: Any = None,
        post_params: Any = None,  # noqa: ARG002 - no API that is used has any
        _request_timeout: Any = None,
    ) -> Response:
        """Send a request for a path of whichever API, perhaps twice; raises as `get` does."""
        request = (method, url, {**self.default_headers, **(header_params or {})}, body, _request_timeout)
        used = pools, credential = self._current()
        refusal: Response | ConnectError | StreamError
        try:
            refusal = pools.send(*request, credential)
            if refusal.status != HTTPStatus.UNAUTHORIZED:
                return refusal
        except (HandshakeError, StreamError) as error:
            if not _may_be_refusal(error, credential):
                raise
            refusal = error
        renewed = self._renewed(used, refusal)
        if renewed != used:
            if isinstance(refusal, Response):
                refusal.close()
            return renewed[0].send(*request, renewed[1])
        if isinstance(refusal, ExporterError):
            raise refusal
        return refusal

    def _current(self) -> tuple[Pools, Credential]:
        """Return what to send the next request with, renewed if need be; raises ConnectError."""
        with self._lock:
            if time.monotonic() - self._read_at >= REREAD_SECONDS:
                self._reload()
            access = self._access
        # Not under the lock: a plugin may take its time.
        credential = access.plugin.get() if access.plugin else access.credential
        with self._lock:
            if (self.rest_client.access, self.rest_client.certificate) == (access, credential.certificate):
                return self.rest_client, credential
            pools = Pools(access, credential.certificate, self._connections)
            # Unless another thread has read the files again while the plugin ran.
            if access is self._access:
                self.rest_client = pools
            return pools, credential

    def _renewed(self, used: tuple[Pools, Credential], refusal: object) -> tuple[Pools, Credential]:
        """Return what to send a refused request with, the same if nothing is new."""
        pools, credential = used
        is_untrusted = isinstance(refusal, HandshakeError) and refusal.is_server_untrusted
        if pools.access.plugin and not is_untrusted:
            pools.access.plugin.refuse(credential)
        with self._lock:
            if pools.access is self._access:
                self._reload()
        try:
            return self._current()
        except ConnectError as exc:
            self._failed(exc)
            return used

    def _reload(self) -> None:
        """Read the files again; keep what there is if they are the same, or not usable."""
        self._read_at = time.monotonic()
        try:
            renewed = self._load()
        except ExporterError as exc:
            self._failed(exc)
            return
        self._failure = ""
        if renewed.state() != self._access.state():
            self._access = renewed
            self._report()

    def _failed(self, exc: ExporterError) -> None:
        level = logging.DEBUG if str(exc) == self._failure else logging.WARNING
        self._failure = str(exc)
        log.log(level, "couldn't reload the credentials: %s", exc)

    def _report(self) -> None:
        """Log what is not as one might expect."""
        access = self._access
        if access.host.startswith("https:") and not access.verify_ssl:
            log.warning("the API server's certificate is not verified: insecure-skip-tls-verify")
            # Said once here, and not by urllib3 at every request.
            urllib3.disable_warnings(InsecureRequestWarning)
        if access.has_ignored_credentials:
            log.warning("no credentials are sent to %s: it is not reached over TLS (https://)", access.host)
        if count := access.broken_certificates:
            what = f"the certificates in {access.authority_name} can't be read; the others are used"
            log.warning("%d of %s", count, what)


def _may_be_refusal(error: ConnectError | StreamError, credential: Credential) -> bool:
    """Tell whether a failure may mean that a server does not accept a client certificate, or is not trusted.

    In TLS 1.3 a server refuses a certificate after the handshake, and may just close the connection.
    """
    if isinstance(error, IdleTimeoutError):
        return False
    return isinstance(error, HandshakeError) or bool(credential.certificate)
