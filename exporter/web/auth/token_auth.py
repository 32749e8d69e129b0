"""Bearer tokens, decided by the API server and remembered for a while.

Hides the API server's absence and protects it: an earlier "allowed" outlives its minute while no decision can be
had, and random tokens cause a few reviews a second at most.
"""

import asyncio
import hmac
import json
import math
import re
import secrets
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol

from anyio import CapacityLimiter, to_thread
from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope

from exporter.clock import Clock, SystemClock
from exporter.errors import ApiError
from exporter.web.answers import OVERLOADED, authorization, unauthorized
from exporter.web.client_log import log
from exporter.web.fairness import OverloadedError, Rate, Turns, client_address

METRICS_PATH = "/metrics"
PAGE_PATH = "/"
"""What is asked for in place of every other path: the page and its API belong together."""

STALE_SECONDS = 3600.0
"""How long an "allowed" stays valid while the API server cannot be asked."""

RETRY_SECONDS = 10.0
"""After a failed review of a token that is allowed; without a pause every scrape would wait for the time-out."""

MAX_REMEMBERED = 1000
"""Decisions, those that allow and those that refuse counted separately: random tokens displace no allowed one."""

REVIEWED_AT_ONCE = 4
"""Unknown tokens; those that were allowed have as many threads of their own."""

TOTAL = Rate(3.0, burst=20)
PER_ADDRESS = Rate(1.0, burst=10)
"""Reviews of unknown tokens. A Prometheus needs one when it starts, and one when its token is renewed."""

RENEWAL_SECONDS = 2.0
"""How long a token that was allowed waits for its new review; it is served without it then."""

FORBIDDEN = PlainTextResponse("forbidden\n", 403)
"""For a client that is known, but not allowed."""

UNDECIDED = PlainTextResponse("authentication is not possible at the moment\n", 500)
"""For a client whose rights cannot be found out at the moment."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
_JWT_PARTS = 3
_LATEST_TIME = 1e12


class Reviewer(Protocol):
    """The API server, as the one who decides. Both wait, and raise ApiError if it can't be found out."""

    def authenticate(self, token: str) -> Any | None:
        """Return whose token it is, None if it is not valid."""

    def is_allowed(self, user: Any, path: str) -> bool:
        """Tell whether the user may get the path."""


class Verdict(Enum):
    """What the API server says of a token and a path."""

    ALLOWED = "allowed"
    INVALID = "invalid token"
    FORBIDDEN = "not allowed"


@dataclass(frozen=True)
class Decision:
    """A verdict, and how long it is worth something, in seconds of the monotonic clock.

    Attributes:
        review_at: when the API server has to be asked again.
        valid_until: until when the verdict counts if it can't be asked.
    """

    verdict: Verdict
    review_at: float
    valid_until: float


_Review = Coroutine[Any, Any, Decision | None]


class TokenAuth:
    """Decides by `Authorization: Bearer`. For the event loop's thread.

    With `accepts_certificates` a client certificate, verified in the TLS handshake, stands in for a token.
    """

    def __init__(
        self,
        reviewer: Reviewer,
        *,
        cache_seconds: float,
        accepts_certificates: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._reviewer = reviewer
        self._cache_seconds = cache_seconds
        self._accepts_certificates = accepts_certificates
        self._clock = clock or SystemClock()
        self._key = secrets.token_bytes(32)
        self._allowed: OrderedDict[bytes, Decision] = OrderedDict()
        self._refused: OrderedDict[bytes, Decision] = OrderedDict()
        self._reviews: dict[bytes, asyncio.Task[Decision | None]] = {}
        self._renewal_threads = CapacityLimiter(REVIEWED_AT_ONCE)
        self.turns = Turns(REVIEWED_AT_ONCE, self._clock, TOTAL, PER_ADDRESS)

    async def __call__(self, scope: Scope) -> Response | None:
        """Return the answer to a request that is refused, None if it is allowed."""
        if self._accepts_certificates and scope.get("state", {}).get("client_certificate"):
            return None
        token = authorization(scope, "bearer")
        if token is None or not _TOKEN.fullmatch(token):
            return unauthorized("Bearer")
        path = METRICS_PATH if scope["path"] == METRICS_PATH else PAGE_PATH
        key = hmac.digest(self._key, f"{path} {token}".encode(), "sha256")
        decision = self._known(key)
        if decision is None:
            try:
                decision = await asyncio.shield(self._review(key, lambda: self._first_review(key, token, path, scope)))
            except OverloadedError:
                log.warning("refused a request: too many unknown tokens")
                return OVERLOADED
        elif decision.review_at <= self._clock.monotonic():
            decision = await self._renewed(key, token, path, decision)
        if decision is None:
            return UNDECIDED
        if decision.verdict is Verdict.ALLOWED:
            self.turns.trust(client_address(scope))
            return None
        log.warning(f"refused a request: {decision.verdict.value}")
        return FORBIDDEN if decision.verdict is Verdict.FORBIDDEN else unauthorized("Bearer")

    def _known(self, key: bytes) -> Decision | None:
        """Return what was decided before, if it still counts."""
        for decisions in (self._allowed, self._refused):
            if (decision := decisions.get(key)) is not None:
                decisions.move_to_end(key)
                return decision if self._clock.monotonic() < decision.valid_until else None
        return None

    async def _renewed(self, key: bytes, token: str, path: str, known: Decision) -> Decision | None:
        """Ask again about a token that was allowed; that stays so while there is no answer."""
        review = self._review(key, lambda: self._decide(key, token, path, self._renewal_threads))
        with suppress(TimeoutError):
            if (decision := await asyncio.wait_for(asyncio.shield(review), RENEWAL_SECONDS)) is not None:
                return decision
        if not review.done() or review.result() is None:
            self._remember(key, replace(known, review_at=self._clock.monotonic() + RETRY_SECONDS))
        return self._known(key)

    def _review(self, key: bytes, decide: Callable[[], _Review]) -> "asyncio.Task[Decision | None]":
        """Return the running review of this token, or a new one."""
        if key not in self._reviews:
            review = asyncio.get_running_loop().create_task(decide())
            self._reviews[key] = review
            review.add_done_callback(lambda _: self._reviews.pop(key, None))
        return self._reviews[key]

    async def _first_review(self, key: bytes, token: str, path: str, scope: Scope) -> Decision | None:
        """Ask about an unknown token; raises OverloadedError."""
        async with self.turns.turn(client_address(scope)):
            return await self._decide(key, token, path, None)

    async def _decide(self, key: bytes, token: str, path: str, threads: CapacityLimiter | None) -> Decision | None:
        """Ask the API server and remember what it says; None if it can't be asked."""
        try:
            verdict = await to_thread.run_sync(self._verdict, token, path, limiter=threads)
        except ApiError:  # logged by the reviewer
            return None
        now = self._clock.monotonic()
        lifetime = min(STALE_SECONDS if verdict is Verdict.ALLOWED else self._cache_seconds, self._expiry(token))
        decision = Decision(verdict, now + min(self._cache_seconds, lifetime), now + lifetime)
        self._remember(key, decision)
        return decision

    def _verdict(self, token: str, path: str) -> Verdict:
        user = self._reviewer.authenticate(token)
        if user is None:
            return Verdict.INVALID
        return Verdict.ALLOWED if self._reviewer.is_allowed(user, path) else Verdict.FORBIDDEN

    def _remember(self, key: bytes, decision: Decision) -> None:
        self._allowed.pop(key, None)
        self._refused.pop(key, None)
        decisions = self._allowed if decision.verdict is Verdict.ALLOWED else self._refused
        decisions[key] = decision
        if len(decisions) > MAX_REMEMBERED:
            decisions.popitem(last=False)

    def _expiry(self, token: str) -> float:
        """Return in how many seconds a token expires by its own words, which the API server has verified."""
        parts = token.split(".")
        if len(parts) != _JWT_PARTS:
            return math.inf
        try:
            claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
            expiry = claims["exp"]
            return max(0.0, expiry - self._clock.time()) if 0 <= expiry < _LATEST_TIME else math.inf
        except (ValueError, KeyError, TypeError, RecursionError):
            return math.inf
