"""Addresses of servers and proxies, checked when they are read. They may hold a password: none is in a message."""

import re
from collections.abc import Collection

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from exporter.errors import ConfigError

DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


def parse_http_address(text: str, what: str, schemes: Collection[str]) -> Url:
    """Return the address that a text is; without a scheme it is an HTTP server's or proxy's.

    Raises:
        ConfigError: it is none, or its scheme is another; the message begins with `what`, without the address.
    """
    try:
        url = parse_url(text if "://" in text else f"http://{text}")
    except LocationParseError:
        raise ConfigError(f"{what} is not an address (scheme://host[:port], port 1 to 65535)") from None
    if url.scheme not in schemes:
        raise ConfigError(f"{what} has the unsupported scheme '{url.scheme}' (must be {', '.join(schemes)})")
    if not url.host or url.port == 0 or re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ConfigError(f"{what} is not an address (scheme://host[:port], port 1 to 65535)")
    return url._replace(path=(url.path or "").rstrip("/"), query=None, fragment=None)


def shown(url: Url) -> str:
    """Return an address without its user and password."""
    return str(url._replace(auth=None))


def host_of(url: Url) -> str:
    """Return the host without the brackets of IPv6."""
    return (url.host or "").strip("[]")


def port_of(url: Url) -> int:
    """Return the port, the scheme's own if there is none."""
    return url.port or DEFAULT_PORTS[url.scheme or "https"]
