"""Which proxy, if any, stands between the exporter and a server: the rules of kubectl.

A kubeconfig's `proxy-url` is always used. Otherwise the environment says it, by the rules of Go's
golang.org/x/net/http/httpproxy: https_proxy or http_proxy by the server's scheme (the lower-case name first), unless
the server is on this machine or an entry of no_proxy matches it.
"""

import ipaddress
import re
from collections.abc import Mapping

from urllib3.util import Url

from exporter.kube.client.addresses import host_of, parse_http_address, port_of

SCHEMES = ("http", "https", "socks5", "socks5h")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def find_proxy(server: Url, environ: Mapping[str, str]) -> Url | None:
    """Return the proxy that the environment names for a server, None for a direct connection.

    Raises:
        ConfigError: the variable that applies is not a proxy's address.
    """
    name = f"{server.scheme}_proxy"
    # A CGI server sets HTTP_PROXY from a request's header `Proxy`: Go does not use it there.
    if server.scheme == "http" and environ.get("REQUEST_METHOD"):
        return None
    value = _either_case(name, environ).strip()
    if not value or not uses_proxy(server, _either_case("no_proxy", environ)):
        return None
    return parse_proxy(value, name.upper())


def parse_proxy(value: str, what: str) -> Url:
    """Return a proxy's address; `host:port` without a scheme is an HTTP proxy.

    Raises:
        ConfigError: it is none; the message begins with `what`, without a password.
    """
    return parse_http_address(value, what, SCHEMES)


def uses_proxy(server: Url, no_proxy: str) -> bool:
    """Tell whether the environment's proxy applies to a server, given the value of NO_PROXY."""
    host, port = host_of(server).lower(), port_of(server)
    address = _ip_address(host)
    if host == "localhost" or (address and address.is_loopback):
        return False
    entries = [entry.strip().lower() for entry in no_proxy.split(",")]
    return not any(_matches(entry, host, address, port) for entry in entries if entry)


def _matches(entry: str, host: str, address: IpAddress | None, port: int) -> bool:
    """Tell whether one entry of NO_PROXY names a host."""
    if entry == "*":
        return True
    if re.search(r"/\d+$", entry) and (network := _network(entry)):
        return address is not None and address in network
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


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _either_case(name: str, environ: Mapping[str, str]) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""
