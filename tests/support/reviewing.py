"""An API server that answers TokenReview and SubjectAccessReview as the real one, by tables that tests fill."""

import json
from collections.abc import Callable
from typing import Any

from exporter.simulator.apiserver.requests import Request
from exporter.simulator.apiserver.responses import ApiResponse
from tests.support.faults import FaultServer

TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
API_AUDIENCE = "https://kubernetes.default.svc"
PROMETHEUS = "system:serviceaccount:monitoring:prometheus"


class ReviewServer(FaultServer):
    """`users` are the owners of tokens; `audiences` those of tokens that are not for the API server itself.

    Attributes:
        allowed: user and path of what is allowed.
        answer: answers reviews in place of the tables.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.users: dict[str, str] = {}
        self.audiences: dict[str, list[str]] = {}
        self.allowed: set[tuple[str, str]] = set()
        self.answer: Callable[[Request], ApiResponse] | None = None

    def reviews(self, path: str = TOKEN_REVIEWS) -> list[Any]:
        """Return the reviews that were asked for."""
        return [json.loads(request.body) for request in self.requests if request.path == path]

    def respond(self, request: Request) -> ApiResponse | None:
        if request.method != "POST" or request.path not in (TOKEN_REVIEWS, ACCESS_REVIEWS):
            return super().respond(request)
        if self.answer is not None:
            return self.answer(request)
        review = json.loads(request.body)
        decide = self._authenticate if request.path == TOKEN_REVIEWS else self._authorize
        # The real server repeats the review, token included.
        body = json.dumps(review | {"metadata": {"managedFields": []}, "status": decide(review["spec"])}).encode()
        return ApiResponse(201, body)

    def _authenticate(self, spec: dict[str, Any]) -> dict[str, Any]:
        user = self.users.get(spec["token"])
        wanted = spec.get("audiences") or [API_AUDIENCE]
        audiences = [one for one in self.audiences.get(spec["token"], [API_AUDIENCE]) if one in wanted]
        if user is None or not audiences:
            return {"user": {}, "error": "[invalid bearer token, token lookup failed]"}
        groups = ["system:serviceaccounts", "system:authenticated"]
        extra = {"authentication.kubernetes.io/credential-id": ["JTI=1"]}
        return {
            "authenticated": True,
            "user": {"username": user, "uid": "u-1", "groups": groups, "extra": extra},
            "audiences": audiences,
        }

    def _authorize(self, spec: dict[str, Any]) -> dict[str, Any]:
        attributes = spec["nonResourceAttributes"]
        assert attributes["verb"] == "get"
        if (spec["user"], attributes["path"]) in self.allowed:
            return {"allowed": True, "reason": 'RBAC: allowed by ClusterRoleBinding "x"'}
        return {"allowed": False}
