"""Basic authentication: users and bcrypt hashes of the web configuration.

A password's hash takes some 100 ms on purpose. It is computed in the thread pool, for one client at a time, and
only until a password is known to be right: then a keyed hash of it, which is worth nothing elsewhere, is kept.
"""

import binascii
import hmac
import secrets
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import NamedTuple

import bcrypt
from anyio import to_thread
from starlette.responses import Response
from starlette.types import Scope

from exporter.clock import SystemClock
from exporter.web.answers import OVERLOADED, authorization, unauthorized
from exporter.web.client_log import log
from exporter.web.fairness import OverloadedError, Turns, client_address

HASHED_AT_ONCE = 1
"""One core at most is busy with wrong passwords."""

MAX_PASSWORD_BYTES = 72
"""bcrypt ignores the rest, in exporter-toolkit and here."""


class _Credentials(NamedTuple):
    user: str
    password: bytes


class BasicAuth:
    """Decides by `Authorization: Basic`. For the event loop's thread.

    `users` returns the present hashes by name. An unknown name takes as long as that of some user.
    """

    def __init__(self, users: Callable[[], Mapping[str, str]]) -> None:
        self._users = users
        self._key = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}  # by user: what `_seal` returns for the right password
        self.turns = Turns(HASHED_AT_ONCE, SystemClock())

    async def __call__(self, scope: Scope) -> Response | None:
        """Return the answer to a request that is refused, None if it is allowed."""
        credentials = _credentials(authorization(scope, "basic"))
        if credentials is None:
            return unauthorized("Basic")
        if self._is_known(credentials):
            return None
        try:
            async with self.turns.turn(client_address(scope)):
                is_right = await self._is_right(credentials)
        except OverloadedError:
            log.warning("refused a request: too many passwords are being checked")
            return OVERLOADED
        if is_right:
            self.turns.trust(client_address(scope))
            return None
        log.warning("refused a request: wrong user or password")
        return unauthorized("Basic")

    def _is_known(self, credentials: _Credentials) -> bool:
        hash_ = self._users().get(credentials.user, "")
        right = self._right.get(credentials.user, b"")
        return hmac.compare_digest(right, self._seal(credentials, hash_)) and bool(hash_)

    async def _is_right(self, credentials: _Credentials) -> bool:
        users = self._users()
        hash_ = users.get(credentials.user)
        salt = (hash_ or self._decoy(credentials.user, users)).encode()
        computed = await to_thread.run_sync(_hash, credentials.password, salt)
        if hash_ is None or not hmac.compare_digest(computed[_PREFIX:], hash_.encode()[_PREFIX:]):
            return False
        self._right = {name: seal for name, seal in self._right.items() if name in users}
        self._right[credentials.user] = self._seal(credentials, hash_)
        return True

    def _decoy(self, name: str, users: Mapping[str, str]) -> str:
        """Return the hash of some user, always the same for a name: its cost is what an attacker could measure."""
        number = int.from_bytes(self._digest(name.encode())[:8])
        return list(users.values())[number % len(users)]

    def _seal(self, credentials: _Credentials, hash_: str) -> bytes:
        # Neither a hash nor a name (of Basic authentication) can contain this separator.
        return self._digest(b":".join([credentials.user.encode(), hash_.encode(), credentials.password]))

    def _digest(self, data: bytes) -> bytes:
        return hmac.digest(self._key, data, "sha256")


_PREFIX = len("$2b$")
"""Versions 2a, 2b and 2y are the same algorithm; bcrypt writes some as others."""


def _credentials(encoded: str | None) -> _Credentials | None:
    try:
        decoded = b64decode(encoded or "", validate=True)
        name, colon, password = decoded.partition(b":")
        return _Credentials(name.decode(), password[:MAX_PASSWORD_BYTES]) if colon else None
    except (binascii.Error, ValueError):
        return None


def _hash(password: bytes, salt: bytes) -> bytes:
    return bcrypt.hashpw(password, salt)
