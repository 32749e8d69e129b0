"""Passwords of basic_auth_users: who gets in, how often a hash is computed, and what a flood costs."""

import threading
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.responses import PlainTextResponse

from exporter.web.application import with_authentication
from exporter.web.auth import basic_auth
from exporter.web.auth.basic_auth import BasicAuth
from exporter.web.fairness import WAITING_PER_ADDRESS
from tests.support.processes import get
from tests.support.watching import wait_until
from tests.support.web_configs import PASSWORD, basic, hashed
from tests.support.web_server import RunningServer, request, web_server


class Hashing:
    """Counts the hashes that are computed, and can hold them up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.salts: list[bytes] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self._hash = basic_auth._hash
        monkeypatch.setattr(basic_auth, "_hash", self)

    def __call__(self, password: bytes, salt: bytes) -> bytes:
        self.salts.append(salt)
        assert self.may_go_on.wait(10)
        return self._hash(password, salt)


@pytest.fixture
def hashing(monkeypatch: pytest.MonkeyPatch) -> Hashing:
    return Hashing(monkeypatch)


@pytest.fixture
def users() -> dict[str, str]:
    return {"alice": hashed(), "bob": hashed("b" * 72), "carol": hashed("pässwörd:1", 5)}


@pytest.fixture
def web(users: dict[str, str]) -> Iterator[RunningServer]:
    application = with_authentication(PlainTextResponse("series\n"), BasicAuth(lambda: users))
    with web_server(application) as server:
        yield server


def status(web: RunningServer, authorization: str, path: str = "/metrics") -> int:
    return get(web.address, path, Authorization=authorization).status


def test_a_right_password_is_let_in(web: RunningServer) -> None:
    """Also one of more than the 72 bytes that bcrypt reads, and one with a colon or other letters."""
    for user, password in (("alice", PASSWORD), ("bob", "b" * 80), ("bob", "b" * 72), ("carol", "pässwörd:1")):
        assert status(web, basic(user, password)) == 200


@pytest.mark.parametrize(
    "authorization",
    [
        basic("alice", "wrong"),
        basic("alice", ""),
        basic("alice", PASSWORD + "\0"),
        basic("Alice"),
        basic("mallory"),
        basic(""),
        f"Basic {b64encode(b'alice').decode()}",
        f"Basic {b64encode(bytes(range(128, 255)) + b':x').decode()}",
        "Basic ",
        "Basic !!!",
        "Bearer alice",
        f"Digest {basic('alice').removeprefix('Basic ')}",
        "",
    ],
)
def test_anything_else_is_refused(web: RunningServer, authorization: str) -> None:
    """401 with a challenge, and without a word on what was wrong."""
    answer = get(web.address, "/metrics", Authorization=authorization)
    assert (answer.status, answer.body) == (401, b"unauthorized\n")
    assert answer.headers["www-authenticate"] == 'Basic realm="kuberay-exporter"'


def test_two_headers_are_refused(web: RunningServer) -> None:
    """A proxy in front may have looked at the other one."""
    head, _, _ = web.exchange(
        request("/", f"Authorization: {basic('alice')}", "Authorization: Basic eDp5", "Connection: close")
    ).partition(b"\r\n")
    assert head == b"HTTP/1.1 401 Unauthorized"


def test_the_hash_of_a_right_password_is_computed_once(web: RunningServer, hashing: Hashing) -> None:
    for _ in range(5):
        assert status(web, basic("alice")) == 200
    assert len(hashing.salts) == 1


def test_a_changed_hash_is_used_at_once(web: RunningServer, hashing: Hashing, users: dict[str, str]) -> None:
    """A password that was right is checked again; a user who was removed is refused."""
    assert status(web, basic("alice")) == 200
    users["alice"] = hashed("another")
    assert status(web, basic("alice")) == 401
    assert status(web, basic("alice", "another")) == 200
    del users["alice"]
    assert status(web, basic("alice", "another")) == 401
    assert len(hashing.salts) == 4


def test_an_unknown_user_costs_as_much_as_some_known_one(
    web: RunningServer, hashing: Hashing, users: dict[str, str]
) -> None:
    """Always the same for a name, so that asking twice tells nothing."""
    for name in ("mallory", "oscar", "mallory"):
        assert status(web, basic(name)) == 401
    assert {salt.decode() for salt in hashing.salts} <= set(users.values())
    assert hashing.salts[0] == hashing.salts[2]


def test_a_flood_of_wrong_passwords_does_not_keep_a_known_user_out(web: RunningServer, hashing: Hashing) -> None:
    """One address has few passwords hashed at once; more are answered 503, and the event loop is free."""
    assert status(web, basic("alice")) == 200
    hashing.may_go_on.clear()
    with ThreadPoolExecutor(12) as pool:
        flood = [pool.submit(status, web, basic("alice", str(number))) for number in range(12)]
        wait_until(lambda: sum(answer.done() for answer in flood) == 12 - WAITING_PER_ADDRESS)
        assert status(web, basic("alice")) == 200
        assert status(web, "", "/healthz") == 200
        hashing.may_go_on.set()
        answers = sorted(answer.result() for answer in flood)
    assert answers == [401] * WAITING_PER_ADDRESS + [503] * (12 - WAITING_PER_ADDRESS)
