"""Asks the API server about others: whose token it is (TokenReview), and what they may do (SubjectAccessReview).

As controller-runtime's filter for metrics does. A token is in the request's body only, never in a message.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from kubernetes.client import (
    ApiClient,
    ApiException,
    AuthenticationV1Api,
    AuthorizationV1Api,
    V1NonResourceAttributes,
    V1SubjectAccessReview,
    V1SubjectAccessReviewSpec,
    V1TokenReview,
    V1TokenReviewSpec,
    V1UserInfo,
)
from urllib3.exceptions import HTTPError

from exporter.errors import ApiError, StatusError, StreamError
from exporter.logs.limit import LogLimit

TIMEOUT_SECONDS = 5.0
LOG_SECONDS = 60.0

log = logging.getLogger(__name__)


class ApiReviewer:
    """Any thread may call. Failures are logged here, once a minute."""

    def __init__(self, client: ApiClient, audiences: Sequence[str]) -> None:
        """Without `audiences` a token has to be for the API server itself."""
        self._authentication = AuthenticationV1Api(client)
        self._authorization = AuthorizationV1Api(client)
        self._audiences = audiences
        self._log_limit = LogLimit(LOG_SECONDS)

    def authenticate(self, token: str) -> V1UserInfo | None:
        """Return whose token it is, None if it is not valid for one of the audiences; raises ApiError."""
        spec = V1TokenReviewSpec(token=token, audiences=list(self._audiences) or None)
        review = V1TokenReview(api_version="authentication.k8s.io/v1", kind="TokenReview", spec=spec)
        status = self._ask(self._authentication.create_token_review, review)
        # An authenticator that knows nothing of audiences leaves them out: its tokens are for the API server.
        if self._audiences and not set(self._audiences) & set(status.audiences or ()):
            return None
        return status.user if status.authenticated and status.user and status.user.username else None

    def is_allowed(self, user: V1UserInfo, path: str) -> bool:
        """Tell whether a user may GET a path that is no resource; raises ApiError."""
        spec = V1SubjectAccessReviewSpec(
            user=user.username,
            uid=user.uid,
            groups=user.groups,
            extra=user.extra,
            non_resource_attributes=V1NonResourceAttributes(path=path, verb="get"),
        )
        review = V1SubjectAccessReview(api_version="authorization.k8s.io/v1", kind="SubjectAccessReview", spec=spec)
        status = self._ask(self._authorization.create_subject_access_review, review)
        return bool(status.allowed and not status.denied)

    def _ask(self, create: Callable[..., Any], review: Any) -> Any:
        try:
            status = create(review, _request_timeout=(TIMEOUT_SECONDS, TIMEOUT_SECONDS)).status
            if status is not None:
                return status
            error: ApiError = StreamError("the answer is not a review")
        except ApiException as exc:
            # The body is not repeated: a server in between may quote the request.
            error = StatusError(exc.status, "no review")
        except (HTTPError, ValueError, TypeError, AttributeError, RecursionError):
            # Whatever the answer is; pydantic's words quote it.
            error = StreamError("the answer is not a review")
        except ApiError as exc:
            error = exc
        if self._log_limit.take() is not None:
            log.error("couldn't check a client's token: %s: %s", review.kind, error)
        raise error
