"""Addresses of servers and proxies, checked when they are read.

An address may hold a user and a password. `str()` of an `Address` and `redacted` leave them out: whatever is
printed comes from one of the two.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from exporter.errors import ConfigError

DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True)
class Address:
    """A checked address. `host` has no brackets; `user` and `password` are percent-decoded, None if absent."""

    scheme: str
    host: str
    port: int | None = None
    path: str = ""
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def authority(self) -> str:
        """Host and port as they stand in a URL; the port only if it was given."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def effective_port(self) -> int:
        return self.port or DEFAULT_PORTS[self.scheme]

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_address(text: str, what: str, schemes: Collection[str]) -> Address:
    """Return the address that a text is.

    Raises:
        ConfigError: it is none, or its scheme is another; the message begins with `what`, without a password.
    """
    wrong = f"{what} '{redacted(text)}'"
    if re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ConfigError(f"{what}: an address must not contain spaces or control characters")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        # The reason of urllib quotes the text, which may contain a password.
        raise ConfigError(f"{wrong}: not an address (scheme://host[:port], port 1 to 65535)") from None
    if parts.scheme not in schemes:
        raise ConfigError(f"{wrong}: unsupported scheme '{parts.scheme}' (must be {', '.join(schemes)})")
    if not host or port == 0:
        raise ConfigError(f"{wrong}: not an address (scheme://host[:port], port 1 to 65535)")
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    address = Address(parts.scheme, host, port, parts.path.rstrip("/"), user, password)
    try:
        # What connects is stricter about names than what takes addresses apart.
        parse_url(f"{address.scheme}://{address.authority}")
    except LocationParseError:
        raise ConfigError(f"{wrong}: not a host's name or address") from None
    return address


def redacted(text: str) -> str:
    """Return an address, perhaps a wrong one, without its user, password and query."""
    scheme, separator, rest = text.rpartition("://") if "://" not in text else text.partition("://")
    # A password may contain anything if it was not encoded: all up to the last @ is left out.
    rest = re.split(r"[?#\s]", rest.rpartition("@")[2])[0]
    authority, slash, path = rest.partition("/")
    # `user:password` without a host looks like a host with a port.
    authority = re.sub(r":(?!\d+$)[^\]]*$", ":…", authority)
    return f"{scheme}{separator}{authority}{slash}{path}"
