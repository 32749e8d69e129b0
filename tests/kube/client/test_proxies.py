"""Which proxy a server is reached through, by Go's rules; nothing connects here."""

import pytest

from exporter.errors import ConfigError
from exporter.kube.client.addresses import find_proxy, parse_http_address, uses_proxy


@pytest.mark.parametrize(
    ("server", "no_proxy", "is_direct"),
    [
        # Measured with golang.org/x/net/http/httpproxy v0.62.0.
        ("https://api.k8s.internal.example:6443", "*.internal.example", True),
        ("https://internal.example:6443", ".internal.example", False),
        ("https://internal.example:6443", "*.internal.example", False),
        ("https://internal.example:6443", "internal.example", True),
        ("https://api.internal.example:6443", "internal.example", True),
        ("https://myinternal.example:6443", "internal.example", False),
        ("https://localhost:6443", "", True),
        ("https://127.0.0.1:6443", "", True),
        ("https://127.8.9.1:6443", "", True),
        ("https://[::1]:6443", "", True),
        ("https://[::ffff:127.0.0.1]:6443", "", True),
        ("https://localhost.example:6443", "", False),
        ("https://cluster.example.svc", "*.svc", True),
        ("https://api.k8s.internal.example:6443", ".internal.example", True),
        ("https://api.k8s.internal.example:6443", "api.k8s.internal.example:443", False),
        ("https://api.k8s.internal.example:6443", "API.k8s.internal.example:6443", True),
        ("https://api.example", "example:443", True),
        ("http://api.example", "example:80", True),
        ("https://api.example", "example:80", False),
        ("https://192.0.2.1", "192.0.2.1:443", True),
        ("https://192.0.2.1:6443", "192.0.2.1:443", False),
        ("https://192.0.2.1:443", "192.0.0.0/8 , x", True),
        ("https://192.0.2.1", "192.0.2.0/255.255.255.0", False),
        ("https://192.0.2.1", "2.1", False),
        ("https://192.0.2.1", "*", True),
        ("https://api.example", " x,*", True),
        ("https://[2001:db8::1]:443", "[2001:db8::1]:443", True),
        ("https://[2001:db8::1]:6443", "[2001:db8::1]:443", False),
        ("https://[2001:db8::1]:443", "2001:db8::1", True),
        ("https://[2001:db8::1]:443", "2001:db8::/32", True),
        ("https://[::ffff:192.0.2.1]:443", "192.0.2.0/24", True),
        ("https://api.example", ":443", False),
        ("https://api.example", ",, ,", False),
        ("https://api.example", "", False),
    ],
)
def test_no_proxy_means_what_it_means_to_go(server: str, no_proxy: str, is_direct: bool) -> None:
    """Names, parts of names, ports, addresses and networks."""
    assert uses_proxy(parse_http_address(server, "server", ("https", "http")), no_proxy) is not is_direct


@pytest.mark.parametrize(
    ("server", "environ", "expected"),
    [
        ("https://api.example", {"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ("https://api.example", {"HTTPS_PROXY": "proxy:3128"}, "http://proxy:3128"),
        ("https://api.example", {"https_proxy": "socks5://proxy"}, "socks5://proxy"),
        ("https://api.example", {"https_proxy": "lower", "HTTPS_PROXY": "upper"}, "http://lower"),
        ("https://api.example", {"https_proxy": "", "HTTPS_PROXY": "upper"}, "http://upper"),
        ("https://api.example", {"HTTP_PROXY": "http://proxy:3128"}, None),
        ("https://api.example", {"ALL_PROXY": "http://proxy:3128"}, None),
        ("http://api.example", {"HTTP_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ("http://api.example", {"HTTP_PROXY": "http://proxy:3128", "REQUEST_METHOD": "GET"}, None),
        ("http://api.example", {"HTTPS_PROXY": "http://proxy:3128"}, None),
        ("https://api.example", {"HTTPS_PROXY": "proxy", "NO_PROXY": "example"}, None),
        ("https://api.example", {"HTTPS_PROXY": "proxy", "NO_PROXY": "example", "no_proxy": "other"}, "http://proxy"),
    ],
)
def test_the_environment_names_the_proxy(server: str, environ: dict[str, str], expected: str | None) -> None:
    """By the server's scheme; the name in lower case comes first."""
    proxy = find_proxy(parse_http_address(server, "server", ("https", "http")), environ)
    assert (proxy and str(proxy)) == expected


@pytest.mark.parametrize("value", ["http://corp:S3CRET@proxy:99999", "ftp://corp:S3CRET@proxy", "corp:S3CRET@proxy:x"])
def test_a_wrong_proxy_of_the_environment_is_named(value: str) -> None:
    """By its variable, without its password; it is not just passed over."""
    with pytest.raises(ConfigError, match="^HTTPS_PROXY ") as caught:
        find_proxy(parse_http_address("https://api.example", "server", ("https",)), {"HTTPS_PROXY": value})
    assert "S3CRET" not in str(caught.value)
