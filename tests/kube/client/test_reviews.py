"""TokenReview and SubjectAccessReview: what is asked, and what the answers mean."""

import json
import logging
from collections.abc import Iterator

import pytest
from kubernetes.client import V1UserInfo

from exporter.errors import ApiError
from exporter.kube.client import response
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.kube.client.response import MAX_READ_BYTES
from exporter.kube.client.reviews import ApiReviewer
from exporter.simulator.apiserver.responses import ApiResponse
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.reviewing import ACCESS_REVIEWS, API_AUDIENCE, PROMETHEUS, ReviewServer
from tests.support.trickling import trickling

TOKEN = "token-of-prometheus"


@pytest.fixture
def server() -> Iterator[ReviewServer]:
    with ReviewServer(ObjectStore()) as server:
        server.users[TOKEN] = PROMETHEUS
        server.allowed.add((PROMETHEUS, "/metrics"))
        yield server


def reviewer(server: ReviewServer, *audiences: str) -> ApiReviewer:
    return ApiReviewer(ApiTransport(lambda: anonymous(server.url), connections=1), audiences)


def test_a_valid_token_has_an_owner(server: ReviewServer) -> None:
    user = reviewer(server).authenticate(TOKEN)
    assert user is not None
    assert (user.username, user.uid) == (PROMETHEUS, "u-1")
    (review,) = server.reviews()
    assert review == {
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": TOKEN},
    }  # fmt: skip
    assert server.requests[-1].headers["content-type"] == "application/json"


def test_another_token_has_none(server: ReviewServer) -> None:
    assert reviewer(server).authenticate("another") is None


def test_a_token_has_to_be_for_one_of_the_audiences(server: ReviewServer) -> None:
    """The API server is asked for them, and says which of them the token is for."""
    server.audiences[TOKEN] = ["metrics"]
    assert reviewer(server).authenticate(TOKEN) is None
    assert reviewer(server, "other").authenticate(TOKEN) is None
    assert reviewer(server, "other", "metrics").authenticate(TOKEN) is not None
    assert server.reviews()[-1]["spec"]["audiences"] == ["other", "metrics"]


def test_an_authenticator_without_audiences_is_not_trusted_with_any(server: ReviewServer) -> None:
    """It would accept a token for every audience; Kubernetes demands this check of a client."""
    status = {"authenticated": True, "user": {"username": PROMETHEUS}}
    server.answer = lambda _: ApiResponse(201, json.dumps({"spec": {"token": "t"}, "status": status}).encode())
    assert reviewer(server).authenticate(TOKEN) is not None
    assert reviewer(server, API_AUDIENCE).authenticate(TOKEN) is None


def test_the_owner_is_asked_about_as_it_was_described(server: ReviewServer) -> None:
    """With groups and extra values: rights may be bound to them."""
    asking = reviewer(server)
    user = asking.authenticate(TOKEN)
    assert user is not None
    assert asking.is_allowed(user, "/metrics")
    assert not asking.is_allowed(user, "/")
    assert server.reviews(ACCESS_REVIEWS)[0]["spec"] == {
        "user": PROMETHEUS,
        "uid": "u-1",
        "groups": ["system:serviceaccounts", "system:authenticated"],
        "extra": {"authentication.kubernetes.io/credential-id": ["JTI=1"]},
        "nonResourceAttributes": {"path": "/metrics", "verb": "get"},
    }


@pytest.mark.parametrize(
    "status",
    [
        {"authenticated": False, "user": {"username": "x"}},
        {"authenticated": True},
        {"authenticated": True, "user": {"username": ""}},
        {"user": {"username": "x"}},
        {},
    ],
)
def test_a_doubtful_answer_is_a_refusal(server: ReviewServer, status: object) -> None:
    server.answer = lambda _: ApiResponse(201, json.dumps({"spec": {"token": "t"}, "status": status}).encode())
    assert reviewer(server).authenticate(TOKEN) is None


@pytest.mark.parametrize("status", [{"allowed": True, "denied": True}, {"allowed": False}])
def test_a_doubtful_permission_is_a_refusal(server: ReviewServer, status: object) -> None:
    server.answer = lambda _: ApiResponse(201, json.dumps({"spec": {"token": "t"}, "status": status}).encode())
    assert not reviewer(server).is_allowed(V1UserInfo(username="x"), "/metrics")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, b"{}"),
        (404, b"{}"),
        (500, b"{}"),
        (201, b"{}"),
        (201, b"<html>"),
        (201, b'{"status":[]}'),
        (201, b"null"),
        (201, b""),
    ],
)
def test_no_answer_is_an_error_without_the_token(
    server: ReviewServer, caplog: pytest.LogCaptureFixture, status: int, body: bytes
) -> None:
    """Logged once a minute, whatever a server in between makes of the request."""
    server.answer = lambda request: ApiResponse(status, body or request.body)
    asking = reviewer(server)
    for _ in range(3):
        with pytest.raises(ApiError) as caught:
            asking.authenticate(TOKEN)
        assert TOKEN not in str(caught.value)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage().startswith("couldn't check a client's token: TokenReview: ")
    assert TOKEN not in caplog.text


def test_an_answer_that_is_too_long_is_an_error(server: ReviewServer) -> None:
    """A review has some kilobytes; what a server in between sends has no end."""
    status = {"authenticated": True, "user": {"username": PROMETHEUS}}
    body = json.dumps({"spec": {"token": "t"}, "status": status}).encode()
    server.answer = lambda _: ApiResponse(201, body + b" " * (MAX_READ_BYTES - len(body)))
    assert reviewer(server).authenticate(TOKEN) is not None
    server.answer = lambda _: ApiResponse(201, body.replace(b"{", b"{" + b" " * MAX_READ_BYTES, 1))
    with pytest.raises(ApiError, match="the answer is not a review"):
        reviewer(server).authenticate(TOKEN)


def test_an_answer_that_trickles_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or threads that wait for it would be used up."""
    # With the 5 s for a byte: half a second.
    monkeypatch.setattr(response, "HEAD_MAX_SECONDS", -4.5)
    with trickling(b"HTTP/1.1 201 Created\r\nContent-Length: 100000\r\n\r\n{") as url:
        asking = ApiReviewer(ApiTransport(lambda: anonymous(url), connections=1), ())
        with pytest.raises(ApiError, match="it took longer than 0.5 s"):
            asking.authenticate(TOKEN)


def test_a_server_that_is_away_is_an_error(server: ReviewServer) -> None:
    asking = reviewer(server)
    server.stop()
    with pytest.raises(ApiError):
        asking.authenticate(TOKEN)
