"""Addresses of servers and proxies, checked when they are read. They may hold a password: none is in a message.

A kubeconfig's `proxy-url` is always used. Otherwise the environment says which proxy stands before a server, by the
rules of Go's golang.org/x/net/http/httpproxy: https_proxy or http_proxy by the server's scheme (the lower-case name
first), unless the server is on this machine or an entry of no_proxy matches it.
"""

import ipaddress
import re
from collections.abc import Collection, Mapping
from contextlib import suppress

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from exporter.errors import ConfigError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


def parse_http_address(text: str, what: str, schemes: Collection[str] = DEFAULT_PORTS) -> Url:
    """Return the address that a text is, a proxy's unless `schemes` are a server's; without a scheme it is HTTP.

    Raises:
        ConfigError: it is none, or its scheme is another; the message begins with `what`, without the address.
    """
    try:
        url = parse_url(text if "://" in text else f"http://{text}")
        if url.scheme not in schemes:
            raise ConfigError(f"{what} has the unsupported scheme '{url.scheme}' (must be {', '.join(schemes)})")
        if url.host and url.port != 0 and not re.search(r"[\s\x00-\x1f\x7f]", text):
            return url._replace(path=(url.path or "").rstrip("/"), query=None, fragment=None)
    except LocationParseError:
        pass
    raise ConfigError(f"{what} is not an address (scheme://host[:port], port 1 to 65535)")


def shown(url: Url) -> str:
    """Return an address without its user and password."""
    return str(url._replace(auth=None))


def find_proxy(server: Url, environ: Mapping[str, str]) -> Url | None:
    """Return the proxy that the environment names for a server, None for none; raises ConfigError if it is wrong."""
    name = f"{server.scheme}_proxy"
    # A CGI server sets HTTP_PROXY from a request's header `Proxy`: Go does not use it there.
    if server.scheme == "http" and environ.get("REQUEST_METHOD"):
        return None
    value = _either_case(name, environ).strip()
    if not value or not uses_proxy(server, _either_case("no_proxy", environ)):
        return None
    return parse_http_address(value, name.upper())


def uses_proxy(server: Url, no_proxy: str) -> bool:
    """Tell whether the environment's proxy applies to a server, given the value of NO_PROXY."""
    host = (server.host or "").strip("[]").lower()
    port = server.port or DEFAULT_PORTS[server.scheme or "https"]
    address = _ip_address(host)
    if host == "localhost" or (address and address.is_loopback):
        return False
    entries = [entry.strip().lower() for entry in no_proxy.split(",")]
    return not any(_matches(entry, host, address, port) for entry in entries if entry)


def _matches(entry: str, host: str, address: IpAddress | None, port: int) -> bool:
    """Tell whether one entry of NO_PROXY names a host."""
    if entry == "*":
        return True
    if re.search(r"/\d+$", entry):
        with suppress(ValueError):
            return address in ipaddress.ip_network(entry, strict=False)
    name, entry_port = _split_port(entry)
    if entry_port and entry_port != str(port):
        return False
    if entry_address := _ip_address(name):
        return address == entry_address
    if address or not name:
        # Names never match an address.
        return False
    name = name.removeprefix("*") if name.startswith("*.") else name
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _split_port(entry: str) -> tuple[str, str]:
    """Split `host:port` and `[IPv6]:port`; an IPv6 address without brackets has no port."""
    if match := re.fullmatch(r"\[([^\]]*)\]:(.*)|([^:]*):([^:]*)", entry):
        return (match[1] or match[3] or ""), (match[2] or match[4] or "")
    return entry, ""


def _ip_address(text: str) -> IpAddress | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address


def _either_case(name: str, environ: Mapping[str, str]) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""
