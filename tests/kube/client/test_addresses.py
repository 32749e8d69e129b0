"""Addresses: what is one, and that none is printed with its password."""

import pytest
from urllib3.util import Url

from exporter.errors import ConfigError
from exporter.kube.client.addresses import parse_http_address, shown

SCHEMES = ("http", "https")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://api.example:6443", Url("https", None, "api.example", 6443, "")),
        ("https://api.example/k8s/clusters/x/", Url("https", None, "api.example", None, "/k8s/clusters/x")),
        ("https://[2001:db8::1]:6443", Url("https", None, "[2001:db8::1]", 6443, "")),
        ("http://corp:pa%25ss%40@proxy:3128", Url("http", "corp:pa%25ss%40", "proxy", 3128, "")),
        ("https://api.example:6443?token=x#y", Url("https", None, "api.example", 6443, "")),
    ],
)
def test_an_address_is_taken_apart(text: str, expected: Url) -> None:
    """Users and passwords are decoded."""
    assert parse_http_address(text, "server", SCHEMES) == expected


def test_an_address_is_printed_without_its_password() -> None:
    """And without what is not needed to find the server."""
    assert (
        shown(parse_http_address("https://u:S3CRET@[::1]:6443/x?token=S3CRET", "server", SCHEMES))
        == "https://[::1]:6443/x"
    )


@pytest.mark.parametrize(
    "text",
    [
        "http://corp:S3CRET@127.0.0.1:99999",
        "http://corp:S3CRET@127.0.0.1:0",
        "http://corp:S3CRET@",
        "http://corp:S3CRET",
        "http://corp:S3CR#ET@host:x",
        "http://corp:S3CR/ET@host",
        "http://corp:S3 CRET@host",
        "http://corp:S3\nCRET@host",
        "ftp://corp:S3CRET@host",
        "http://corp:S3CRET@[::1",
        "http:///path",
        "http://corp:S3CRET@%zz",
        "http://corp:S3CRET@ⅷ",
        "",
    ],
)
def test_what_is_no_address_is_refused_without_its_password(text: str) -> None:
    """Python's own messages quote the whole text."""
    with pytest.raises(ConfigError, match="^proxy-url") as caught:
        parse_http_address(text, "proxy-url", SCHEMES)
    assert "S3" not in str(caught.value)
    assert "CRET" not in str(caught.value)
