"""Values of request headers: checked before they are sent, and removed from what is printed.

http.client checks them too, but its exception contains the whole value (kubernetes-client/python#656). The client knows
no impersonation (kubernetes-client/python#362).
"""

import re
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache

from exporter.errors import ConfigError
from exporter.kube.client.kubeconfig import User

Header = tuple[str, str]

SHORTEST_SECRET = 4
"""Shorter texts are in every message by chance."""

LONGEST_ESCAPE = 10
"""How many times longer a secret may be in an escaped form."""


def bearer(token: str, what: str) -> str:
    """Return the Authorization header's value; raises ConfigError, without the token, if it cannot be sent."""
    token = _sendable(token.strip(), what, r"[\x00-\x1f\x7f]")
    if not token.isascii():
        raise ConfigError(f"{what} can't be sent in a header: it has a character in it that is not ASCII")
    return f"Bearer {token}"


def basic(user_and_password: str) -> str:
    """Return the Authorization header's value for `user:password`."""
    return "Basic " + b64encode(user_and_password.encode()).decode()


def impersonation(user: User) -> tuple[Header, ...]:
    """Return the headers that ask the API server to treat requests as another user's, as client-go writes them.

    Raises ConfigError if one cannot be sent.
    """
    headers = [("Impersonate-User", user.as_user)] if user.as_user else []
    headers += [("Impersonate-Uid", user.as_uid)] if user.as_uid else []
    headers += [("Impersonate-Group", group) for group in user.as_groups]
    for key, values in user.as_user_extra.items():
        headers += [(f"Impersonate-Extra-{_escaped(key)}", value) for value in values]
    what = "what the user is to be impersonated as (as, as-…)"
    # http.client, which encodes as Latin-1, makes UTF-8 of it, as Go does.
    return tuple(
        (name, _sendable(value, what, r"[\x00-\x08\x0a-\x1f\x7f]").encode().decode("latin-1"))
        for name, value in headers
    )


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return a text without the secrets that are in it: as they are, escaped as in URLs, JSON or HTML, or in base64."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = re.sub(_forms(secret), "[redacted]", text)
    return text


@lru_cache(maxsize=16)
def _forms(secret: str) -> re.Pattern[str]:
    escaped = "".join(
        rf"(?:{re.escape(one)}|(?i:{''.join(f'%{byte:02x}' for byte in one.encode())}|\\u{ord(one):04x}"
        rf"|&#x0*{ord(one):x};)|&#0*{ord(one)};)"
        for one in secret
    )
    # In base64 each of three places in a text looks different; at both ends, characters depend on what is beside it.
    raw = secret.encode()
    places = (b64encode(b"\0" * offset + raw).decode()[-(-offset * 4 // 3) :] for offset in range(3))
    encoded = [place.rstrip("=")[: len(raw) * 8 // 6 - 1] for place in places]
    in_base64 = [re.sub(r"[+/]", lambda match: "[+-]" if match[0] == "+" else "[/_]", place) for place in encoded]
    return re.compile("|".join([escaped, *(rf"[\w+/-]?{place}[\w+/-]{{0,2}}={{0,2}}" for place in in_base64)]))


def _escaped(key: str) -> str:
    """Return a key as part of a header's name: what is not allowed there, and %, as %XX."""
    encoded = key.encode().decode("latin-1")
    return re.sub(r"[^A-Za-z0-9!#$&'*+.^_`|~-]", lambda match: f"%{ord(match[0]):02X}", encoded)


def _sendable(value: str, what: str, forbidden: str) -> str:
    if re.search(forbidden, value):
        raise ConfigError(f"{what} can't be sent in a header: it has a line break or a control character in it")
    return value
