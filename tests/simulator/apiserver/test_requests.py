"""Requests: paths, parameters and continue tokens."""

import pytest

from exporter.simulator.apiserver.requests import BadRequestError, Request, decode_token, encode_token, resource_of


def request(query: dict[str, str] | None = None, *, namespace: str | None = None, encodings: str = "") -> Request:
    return Request(
        method="GET",
        path="/apis/ray.io/v1/rayjobs",
        query=query or {},
        headers={"accept-encoding": encodings},
        verb="list",
        plural="rayjobs",
        namespace=namespace,
        name=None,
    )


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/apis/ray.io/v1/rayjobs", ("rayjobs", None, None)),
        ("/apis/ray.io/v1/namespaces/ns/rayjobs", ("rayjobs", "ns", None)),
        ("/apis/ray.io/v1/namespaces/ns/rayjobs/a", ("rayjobs", "ns", "a")),
        ("/apis/ray.io/v1/namespaces/ns", ("", None, None)),
        ("/apis/ray.io/v1alpha1/rayjobs", ("", None, None)),
        ("/apis/apps/v1/deployments", ("", None, None)),
        ("/version", ("", None, None)),
        ("/", ("", None, None)),
    ],
)
def test_the_resource_of_a_path(path: str, resource: tuple[str, str | None, str | None]) -> None:
    """Without a plural there is none."""
    assert resource_of(path) == resource


@pytest.mark.parametrize(("version", "start"), [(7, "/ns/a\0"), (-1, "ns/ü"), (0, "")])
def test_a_continue_token_is_read_as_it_was_written(version: int, start: str) -> None:
    """It has no padding, as those of the real server."""
    token = encode_token(version, start)
    assert "=" not in token
    assert decode_token(token) == (version, start.lstrip("/"))


@pytest.mark.parametrize("token", ["x", "e30", "!!!!", encode_token(1, "a")[:-3]])
def test_a_token_of_somebody_else_is_a_bad_request(token: str) -> None:
    """Whatever is wrong with it."""
    with pytest.raises(BadRequestError, match="continue key is not valid"):
        decode_token(token)


def test_numbers_are_checked() -> None:
    """Absent and empty ones are 0, or none."""
    assert (
        request().number("limit"),
        request({"limit": ""}).number("limit"),
        request({"limit": "7"}).number("limit"),
    ) == (0, 0, 7)
    assert (request().version(), request({"resourceVersion": ""}).version()) == (None, None)
    assert request({"resourceVersion": "0"}).version() == 0
    for parameter in ("-1", "x", "1.5"):
        with pytest.raises(BadRequestError, match="invalid syntax"):
            request({"limit": parameter}).number("limit")
        with pytest.raises(BadRequestError, match="invalid resource version"):
            request({"resourceVersion": parameter}).version()


@pytest.mark.parametrize(
    ("encodings", "accepts"), [("", False), ("gzip", True), ("br, gzip;q=0.5", True), ("xgzip", False)]
)
def test_compression_is_negotiated(encodings: str, accepts: bool) -> None:
    """By name."""
    assert request(encodings=encodings).accepts_gzip is accepts


def test_keys_of_a_namespace_begin_with_it() -> None:
    """Those of all namespaces with anything."""
    assert (request(namespace="ns").prefix, request().prefix) == ("ns/", "")
