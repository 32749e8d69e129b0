"""Asks the API server about others: whose token it is (TokenReview), and what they may do (SubjectAccessReview).

As controller-runtime's filter for metrics does. A token is in the request's body only, never in a message.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Protocol, TypeVar

import msgspec

from exporter.errors import ApiError, ExporterError, StatusError, StreamError
from exporter.kube.transport import Response

TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 - a path
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

TIMEOUT_SECONDS = 5.0
MAX_ANSWER_BYTES = 1024 * 1024
LOG_SECONDS = 60.0

log = logging.getLogger(__name__)


class User(msgspec.Struct, frozen=True):
    """Who the API server says that a token belongs to."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] | None = None
    extra: Mapping[str, tuple[str, ...]] | None = None


class _TokenStatus(msgspec.Struct, frozen=True):
    authenticated: bool = False
    user: User = User()
    audiences: tuple[str, ...] | None = None


class _AccessStatus(msgspec.Struct, frozen=True):
    allowed: bool = False
    denied: bool = False


class _TokenReview(msgspec.Struct, frozen=True):
    status: _TokenStatus


class _AccessReview(msgspec.Struct, frozen=True):
    status: _AccessStatus


_ReviewT = TypeVar("_ReviewT", _TokenReview, _AccessReview)


class PostTransport(Protocol):
    """What a review needs of an API server."""

    def post(self, path: str, body: bytes, *, read_timeout_seconds: float) -> Response:
        """Send a POST request with a JSON body; raises as `Transport.get` does."""


class ApiReviewer:
    """Any thread may call. Failures are logged here, once a minute."""

    def __init__(
        self, transport: PostTransport, audiences: Sequence[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Without `audiences` a token has to be for the API server itself."""
        self._transport = transport
        self._audiences = audiences
        self._clock = clock
        # Read and written without a lock: at worst a line is logged twice.
        self._logged_at: float | None = None

    def authenticate(self, token: str) -> User | None:
        """Return whose token it is, None if it is not valid for one of the audiences; raises ApiError."""
        spec = {"token": token} | ({"audiences": list(self._audiences)} if self._audiences else {})
        status = self._post(TOKEN_REVIEWS, "authentication.k8s.io/v1", "TokenReview", spec, _TokenReview).status
        # An authenticator that knows nothing of audiences leaves them out: its tokens are for the API server.
        if self._audiences and not set(self._audiences) & set(status.audiences or ()):
            return None
        return status.user if status.authenticated and status.user.username else None

    def is_allowed(self, user: User, path: str) -> bool:
        """Tell whether a user may GET a path that is no resource; raises ApiError."""
        spec = {
            "user": user.username,
            "uid": user.uid,
            "groups": user.groups or (),
            "extra": user.extra or {},
            "nonResourceAttributes": {"path": path, "verb": "get"},
        }
        kind = "SubjectAccessReview"
        status = self._post(ACCESS_REVIEWS, "authorization.k8s.io/v1", kind, spec, _AccessReview).status
        return status.allowed and not status.denied

    def _post(
        self, path: str, api_version: str, kind: str, spec: Mapping[str, object], type_: type[_ReviewT]
    ) -> _ReviewT:
        body = msgspec.json.encode({"apiVersion": api_version, "kind": kind, "spec": spec})
        try:
            return self._decoded(self._transport.post(path, body, read_timeout_seconds=TIMEOUT_SECONDS), type_)
        except ApiError as exc:
            self._log(kind, exc)
            raise
        except ExporterError as exc:
            self._log(kind, exc)
            raise StreamError(str(exc)) from exc

    def _decoded(self, response: Response, type_: type[_ReviewT]) -> _ReviewT:
        try:
            body = response.read(MAX_ANSWER_BYTES)
        finally:
            response.close()
        if response.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
            # The body is not repeated: a server in between may quote the request.
            raise StatusError(response.status, "no review")
        try:
            return msgspec.json.decode(body, type=type_)
        except msgspec.MsgspecError as exc:
            raise StreamError("the answer is not a review") from exc

    def _log(self, kind: str, exc: ExporterError) -> None:
        now = self._clock()
        if self._logged_at is None or now - self._logged_at >= LOG_SECONDS:
            self._logged_at = now
            log.error("couldn't check a client's token: %s: %s", kind, exc)
