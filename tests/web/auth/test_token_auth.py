"""Bearer tokens: what is remembered of the API server's decisions, for how long, and how often it is asked."""

import asyncio
import json
import threading
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.responses import PlainTextResponse

from exporter.errors import ConnectError
from exporter.web.application import with_authentication
from exporter.web.auth import token_auth
from exporter.web.auth.token_auth import PER_ADDRESS, TokenAuth
from tests.support.clocks import FakeClock
from tests.support.watching import wait_until
from tests.support.web_server import RunningServer, read_answer, request, web_server

NOW = 1_700_000_000.0


class FakeReviewer:
    """Decides by what a test says, counts, and can be away or slow."""

    def __init__(self) -> None:
        self.allowed = {("prometheus", "/metrics"), ("person", "/metrics"), ("person", "/")}
        self.users = {"prometheus-token": "prometheus", "person-token": "person", "pod-token": "pod"}
        self.is_away = False
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.reviews: Counter[str] = Counter()

    def authenticate(self, token: str) -> str | None:
        self.reviews[token] += 1
        self.may_answer.wait(10)
        if self.is_away:
            raise ConnectError("refused")
        return self.users.get(token)

    def is_allowed(self, user: str, path: str) -> bool:
        return (user, path) in self.allowed


class Clock(FakeClock):
    def __init__(self) -> None:
        super().__init__(NOW)

    def monotonic(self) -> float:
        return self.now - NOW + 1000.0


class Web:
    def __init__(self, server: RunningServer, reviewer: FakeReviewer, clock: Clock) -> None:
        self.server = server
        self.reviewer = reviewer
        self.clock = clock

    def status(self, token: str | None = "prometheus-token", path: str = "/metrics") -> int:
        with self.server.connect() as client:
            client.sendall(request(path, *([f"Authorization: Bearer {token}"] if token is not None else [])))
            return read_answer(client).status


@pytest.fixture
def web() -> Iterator[Web]:
    reviewer, clock = FakeReviewer(), Clock()
    auth = TokenAuth(reviewer, cache_seconds=60, clock=clock)
    with web_server(with_authentication(PlainTextResponse("series\n"), auth)) as server:
        yield Web(server, reviewer, clock)


def jwt(claims: object) -> str:
    return f"e30.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"


def test_who_gets_in(web: Web) -> None:
    """Allowed; not allowed; not valid; nobody. What is not /metrics is asked for as /."""
    assert web.status() == 200
    assert web.status("pod-token") == 403
    assert web.status("unknown-token") == 401
    assert web.status(None) == 401
    assert web.status("prometheus-token", "/api/v1/objects") == 403
    assert web.status("person-token", "/api/v1/objects") == 200


@pytest.mark.parametrize("token", ["", " ", "two words", "ümlaut", 'quote"', "="])
def test_what_is_no_token_is_not_asked_about(web: Web, token: str) -> None:
    assert web.status(token) == 401
    assert not web.reviewer.reviews


def test_a_decision_is_used_for_a_minute(web: Web) -> None:
    """Then the API server is asked again, and its new decision counts."""
    for token, status in (("prometheus-token", 200), ("pod-token", 403), ("unknown-token", 401)):
        assert [web.status(token) for _ in range(3)] == [status] * 3
        assert web.reviewer.reviews[token] == 1
    web.reviewer.allowed = {("pod", "/metrics")}
    web.clock.now += 59
    assert web.status() == 200
    web.clock.now += 1
    assert (web.status(), web.status("pod-token")) == (403, 200)
    del web.reviewer.users["pod-token"]
    web.clock.now += 60
    assert web.status("pod-token") == 401


def test_requests_at_once_cause_one_review(web: Web) -> None:
    web.reviewer.may_answer.clear()
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(web.status) for _ in range(8)]
        wait_until(lambda: web.reviewer.reviews.total() == 1 and len(web.server.connections) == 8)
        web.reviewer.may_answer.set()
        assert [answer.result() for answer in answers] == [200] * 8
    assert web.reviewer.reviews.total() == 1


def test_an_allowed_token_outlives_an_outage_for_an_hour(web: Web) -> None:
    """Every other one is a 500, those that were refused before too; afterwards everything is as before."""
    assert (web.status(), web.status("pod-token")) == (200, 403)
    web.reviewer.is_away = True
    web.clock.now += 60
    assert (web.status(), web.status("pod-token"), web.status("unknown-token")) == (200, 500, 500)
    web.clock.now += 3600 - 61
    assert web.status() == 200
    web.clock.now += 1
    assert web.status() == 500
    web.reviewer.is_away = False
    assert (web.status(), web.status("pod-token")) == (200, 403)


def test_during_an_outage_not_every_request_asks(web: Web) -> None:
    assert web.status() == 200
    web.reviewer.is_away = True
    web.clock.now += 60
    for _ in range(10):
        assert web.status() == 200
    assert web.reviewer.reviews.total() == 2
    web.clock.now += token_auth.RETRY_SECONDS
    assert web.status() == 200
    assert web.reviewer.reviews.total() == 3


def test_an_allowed_token_does_not_wait_for_a_server_that_hangs(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is served, and the decision that comes late counts for the next request."""
    monkeypatch.setattr(token_auth, "RENEWAL_SECONDS", 0.05)
    assert web.status() == 200
    web.reviewer.may_answer.clear()
    web.clock.now += 60
    assert web.status() == 200
    web.reviewer.users.clear()
    web.reviewer.may_answer.set()
    wait_until(lambda: web.status() == 401)


@pytest.mark.parametrize("claims", [{"exp": NOW + 90}, {"exp": NOW + 90.0, "sub": "x"}])
def test_an_outage_does_not_outlive_the_tokens_own_expiry(web: Web, claims: object) -> None:
    token = jwt(claims)
    web.reviewer.users[token] = "prometheus"
    assert web.status(token) == 200
    web.reviewer.is_away = True
    web.clock.now += 89
    assert web.status(token) == 200
    web.clock.now += 1
    assert web.status(token) == 500


def test_a_decision_does_not_outlive_the_tokens_own_expiry(web: Web) -> None:
    token = jwt({"exp": NOW + 10})
    web.reviewer.users[token] = "prometheus"
    assert web.status(token) == 200
    web.clock.now += 10
    del web.reviewer.users[token]
    assert web.status(token) == 401


@pytest.mark.parametrize(
    "token",
    [
        jwt({}), jwt([]), jwt({"exp": "soon"}), jwt({"exp": None}), jwt({"exp": 10**400}), jwt({"exp": -1}),
        jwt({"exp": float("nan")}), "a.b.c", "..", "a.e30.c", "no-jwt",
    ],
)  # fmt: skip
def test_a_token_without_a_known_expiry_lives_an_hour(web: Web, token: str) -> None:
    """The API server has accepted it, whatever it is."""
    web.reviewer.users[token] = "prometheus"
    assert web.status(token) == 200
    web.reviewer.is_away = True
    web.clock.now += 3599
    assert web.status(token) == 200


def test_random_tokens_cost_the_api_server_a_few_reviews_a_second(web: Web) -> None:
    """And do not displace the token that is known, nor keep it from being reviewed."""
    assert web.status() == 200
    answers = Counter(web.status(f"random-{number}") for number in range(60))
    assert answers == {401: PER_ADDRESS.burst - 1, 503: 60 - PER_ADDRESS.burst + 1}
    assert web.reviewer.reviews.total() == PER_ADDRESS.burst
    web.clock.now += 60
    for number in range(20):
        web.status(f"other-{number}")
    assert web.status() == 200
    assert web.reviewer.reviews["prometheus-token"] == 2


def test_what_is_remembered_is_bounded(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused tokens displace each other, and no allowed one."""
    monkeypatch.setattr(token_auth, "MAX_REMEMBERED", 3)
    assert web.status() == 200
    for number in range(10):
        web.status(f"random-{number}")
        web.clock.now += 1 / PER_ADDRESS.per_second
    assert web.status() == 200
    assert web.reviewer.reviews["prometheus-token"] == 1
    web.status("random-0")
    assert web.reviewer.reviews["random-0"] == 2


def test_a_client_certificate_stands_in_for_a_token_only_if_configured() -> None:
    """Here as the scope has it; tests/test_protection.py has the whole way."""
    scope: dict[str, object] = {
        "path": "/metrics", "headers": [], "state": {"client_certificate": {"subject": ()}},
    }  # fmt: skip
    statuses = []
    for accepts in (False, True):
        auth = TokenAuth(FakeReviewer(), cache_seconds=60, accepts_certificates=accepts)
        statuses.append(_run(auth, scope))
    assert statuses == [401, None]
    auth = TokenAuth(FakeReviewer(), cache_seconds=60, accepts_certificates=True)
    assert _run(auth, scope | {"state": {"client_certificate": {}}}) == 401


def _run(auth: TokenAuth, scope: dict[str, object]) -> int | None:
    async def decide() -> int | None:
        answer = await auth(scope)
        return answer.status_code if answer else None

    return asyncio.run(decide())
