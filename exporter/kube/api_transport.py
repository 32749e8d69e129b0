"""Requests to one API server, with credentials and trust that are renewed as they change.

Does not retry what may pass: what to do after a failure is the caller's decision.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus

import urllib3
from urllib3.exceptions import InsecureRequestWarning

from exporter.errors import (
    ApiError,
    ConfigError,
    ConnectError,
    ExporterError,
    HandshakeError,
    IdleTimeoutError,
    StreamError,
)
from exporter.kube.access import Access
from exporter.kube.credentials import Credential, Credentials
from exporter.kube.files import have_changed
from exporter.kube.session import Session
from exporter.kube.transport import Response

LoadAccess = Callable[[], Access]
"""Reads how the API server is reached: at the start, when a file has changed, and after a refusal."""

_RELOAD_FAILED = "couldn't reload the credentials"

log = logging.getLogger(__name__)


class ApiTransport:
    """One API server. Any thread may call; each running request holds a connection of its own.

    The files are read again as soon as one of them has changed, and credentials are renewed when they have expired.
    After a refusal (401, or TLS on either side) both are done anyway, and the request is sent once more if that gave
    anything new.
    """

    def __init__(self, load: LoadAccess, connections: int) -> None:
        """Read the configuration, without connecting or running a plugin.

        `connections` is how many requests run at once.

        Raises:
            ConfigError: the configuration is not usable.
            CredentialsError: there is none.
        """
        self._load = load
        self._connections = connections
        # Guards the two below: written when something is renewed; the link is read without it.
        self._lock = threading.Lock()
        self._reported: set[str] = set()
        self._link = _Link(load(), connections)
        self._report_link(self._link)

    @property
    def host(self) -> str:
        """The server's address, to be printed."""
        return str(self._link.access.server)

    def get(self, path: str, query: Mapping[str, str], *, read_timeout_seconds: float, gzip: bool = False) -> Response:
        return self._send(path, query, read_timeout_seconds, gzip=gzip)

    def post(self, path: str, body: bytes, *, read_timeout_seconds: float) -> Response:
        """Send a POST request with a body of JSON, which may be sent twice; raises as `get` does."""
        return self._send(path, {}, read_timeout_seconds, gzip=False, body=body)

    def _send(
        self, path: str, query: Mapping[str, str], read_timeout_seconds: float, *, gzip: bool, body: bytes | None = None
    ) -> Response:
        link = self._current_link()
        credential = link.credentials.get()
        session = link.session(credential)
        refusal: Response | ConnectError | StreamError
        try:
            refusal = session.send(path, query, credential, read_timeout_seconds, gzip=gzip, body=body)
            if refusal.status != HTTPStatus.UNAUTHORIZED:
                return refusal
        except (HandshakeError, StreamError) as error:
            if not _may_be_refusal(error, credential):
                raise
            refusal = error
        if not (isinstance(refusal, HandshakeError) and refusal.is_server_untrusted):
            link.credentials.refuse(credential)
        renewed = self._renew(link)
        if renewed is None or renewed == (session, credential):
            if isinstance(refusal, Response):
                return refusal
            raise refusal
        if isinstance(refusal, Response):
            refusal.close()
        session, credential = renewed
        return session.send(path, query, credential, read_timeout_seconds, gzip=gzip, body=body)

    def _current_link(self) -> "_Link":
        link = self._link
        return self._reload(link) if have_changed(link.access.files) else link

    def _renew(self, link: "_Link") -> tuple[Session, Credential] | None:
        """Return what to send a refused request with, None if there are no credentials at all."""
        link = self._reload(link)
        try:
            credential = link.credentials.get()
            return link.session(credential), credential
        except ConnectError as exc:
            self._report(f"{_RELOAD_FAILED}: {exc}")
            return None

    def _reload(self, link: "_Link") -> "_Link":
        """Read the files again, unless another thread has done so; keep what there is if they are not usable."""
        with self._lock:
            if self._link is not link:
                return self._link
            try:
                renewed = link.renewed(self._load())
            except ExporterError as exc:
                self._report(f"{_RELOAD_FAILED}: {exc}")
                return link
            self._reported = {text for text in self._reported if not text.startswith(_RELOAD_FAILED)}
            self._link = renewed
        if renewed.access != link.access:
            link.close()
            self._report_link(renewed)
        return renewed

    def _report_link(self, link: "_Link") -> None:
        access = link.access
        if access.server.scheme == "https" and access.is_insecure:
            self._report("the API server's certificate is not verified: insecure-skip-tls-verify")
            # Said once here, and not by urllib3 at every request.
            urllib3.disable_warnings(InsecureRequestWarning)
        if access.has_ignored_credentials:
            self._report(f"no credentials are sent to {access.server}: it is not reached over TLS (https://)")
        if link.broken_certificates:
            count = link.broken_certificates
            self._report(f"{count} of the certificates in {access.authority_name} can't be read; the others are used")

    def _report(self, text: str) -> None:
        """Log a warning, once."""
        level = logging.DEBUG if text in self._reported else logging.WARNING
        self._reported.add(text)
        log.log(level, "%s", text)


class _Link:
    """One reading of the files: where credentials come from, and the pool for the last of them. Any thread may call."""

    def __init__(
        self,
        access: Access,
        connections: int,
        *,
        credentials: Credentials | None = None,
        session: Session | None = None,
    ) -> None:
        """Raises ConfigError if what has been read is not usable."""
        self.access = access
        self.credentials = credentials or access.credentials()
        self._connections = connections
        # Guards the session, which is made anew for another client certificate.
        self._lock = threading.Lock()
        self._session = session or Session(access, access.certificate, connections)
        self.broken_certificates = self._session.broken_certificates

    def session(self, credential: Credential) -> Session:
        """Return the pool whose connections show the credential's certificate.

        Raises:
            ConnectError: the certificate cannot be used.
        """
        with self._lock:
            if self._session.certificate != credential.certificate:
                old = self._session
                try:
                    self._session = Session(self.access, credential.certificate, self._connections)
                except ConfigError as exc:
                    raise ConnectError(f"couldn't use the credentials: {exc}") from exc
                old.close()
            return self._session

    def renewed(self, access: Access) -> "_Link":
        """Return the link for another reading, with the same pool and plugin unless theirs has changed.

        Raises:
            ConfigError: what has been read is not usable.
        """
        if access == self.access:
            return _Link(access, self._connections, credentials=self.credentials, session=self._session)
        keeps_plugin = access.plugin is not None and access.plugin == self.access.plugin
        return _Link(access, self._connections, credentials=self.credentials if keeps_plugin else None)

    def close(self) -> None:
        """Close idle connections; requests under way keep theirs."""
        self._session.close()


def _may_be_refusal(error: ApiError, credential: Credential) -> bool:
    """Tell whether a failure may mean that a server does not accept a client certificate, or is not trusted.

    In TLS 1.3 a server refuses a certificate after the handshake, and may just close the connection.
    """
    if isinstance(error, IdleTimeoutError):
        return False
    return isinstance(error, HandshakeError) or bool(credential.certificate)
