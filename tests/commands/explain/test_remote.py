"""Reading a running exporter: addresses, pages, and answers that are none of its API."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from exporter.commands.explain.remote import MAX_PAGES, check_url, read_views
from exporter.diagnosis.related import Known
from exporter.errors import ConfigError, StreamError

Answer = tuple[int, bytes]


def listing(*names: str, following: str = "") -> Answer:
    items = [
        {"kind": "RayJob", "namespace": "ns", "name": name, "uid": name, "state": "Running"}
        | {"healthy": True, "findings": []}
        for name in names
    ]
    body: dict[str, Any] = {"items": items, "exporter": {"version": "1", "events": False, "pods": True}} | (
        {"continue": following} if following else {}
    )
    return 200, json.dumps(body | {"unknown": 1}).encode()


@contextmanager
def exporter(*answers: Answer) -> Iterator[tuple[str, list[str]]]:
    """Answer requests one after the other; yield the address, and the paths of the requests."""
    remaining, paths = list(answers), list[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            code, body = remaining.pop(0)
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Keep standard error empty."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", paths
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://x/", "http://x"),
        ("https://x/exporter//", "https://x/exporter"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("HTTP://x", "HTTP://x"),
    ],
)
def test_addresses(url: str, address: str) -> None:
    """Without the slash at the end."""
    assert check_url(url) == address


@pytest.mark.parametrize(
    "url",
    [
        *("", "x", "127.0.0.1:8080", "localhost:8080", "http://", "http:///x", "file:///x"),
        *("http://[", "http://x:a", "http://x:70000", "http://a b", "http://x?y", "http://x#f"),
    ],
)
def test_wrong_addresses(url: str) -> None:
    """One line with the value and an example."""
    with pytest.raises(ConfigError) as raised:
        check_url(url)
    assert str(raised.value) == f"--url: '{url}' is not an address such as 'http://127.0.0.1:8080'"


def test_all_pages_are_read_with_the_same_filters() -> None:
    """The token of a page is sent for the next one, whatever characters are in it."""
    with exporter(listing("a", "b", following="2&x"), listing("c")) as (url, paths):
        views, known, is_fresh = read_views(url, {"namespace": "ns 1"})
    assert known == Known(pods=True, events=False)
    assert is_fresh
    assert [view.name for view in views] == ["a", "b", "c"]
    assert {urlsplit(path).path for path in paths} == {"/api/v1/objects"}
    assert [parse_qs(urlsplit(path).query) for path in paths] == [
        {"namespace": ["ns 1"], "limit": ["1000"]},
        {"namespace": ["ns 1"], "limit": ["1000"], "continue": ["2&x"]},
    ]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((400, b'{"error": "kind is wrong"}'), "answered 400: kind is wrong"),
        ((503, b"not ready\n"), "answered 503: Service Unavailable"),
        ((404, b"{}"), "answered 404: Not Found"),
        ((404, b"[1]"), "answered 404: Not Found"),
        ((500, b""), "answered 500: Internal Server Error"),
        ((500, b"[" * 4096), "answered 500: Internal Server Error"),
        ((400, b'{"error": "a\\nb"}'), "answered 400: a?b"),
    ],
)
def test_answers_with_an_error(answer: Answer, message: str) -> None:
    """The reason of the API, or that of the status."""
    with exporter(answer) as (url, _), pytest.raises(StreamError) as raised:
        read_views(url, {})
    assert str(raised.value) == f"{url} {message}"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Input data was truncated"),
        (b"<html>", "JSON is malformed: invalid character (byte 0)"),
        (b"{}", "Object missing required field `items`"),
        (b'{"items": [{}]}', "Object missing required field `kind` - at `$.items[0]`"),
        (b"\xff", "JSON is malformed: invalid character (byte 0)"),
        (b'{"items": [], "x": ' + b"[" * 100_000, "maximum recursion depth exceeded while deserializing an object"),
    ],
)
def test_answers_of_something_else(body: bytes, reason: str) -> None:
    """Another server at the address, or another version: one line with the address and the reason."""
    with exporter((200, body)) as (url, _), pytest.raises(StreamError) as raised:
        read_views(url, {})
    assert str(raised.value) == f"{url} did not answer with the exporter's API: {reason}"


def test_an_error_on_a_later_page_is_an_error() -> None:
    """Half of the objects would look like all of them."""
    with exporter(listing("a", following="1"), (503, b"")) as (url, _), pytest.raises(StreamError, match="503"):
        read_views(url, {})


def test_a_server_that_speaks_another_protocol() -> None:
    """One line, as for a server that does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"SSH-2.0-x\r\n")

        thread = Thread(target=greet)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(StreamError) as raised:
            read_views(url, {})
        thread.join()
    assert str(raised.value).startswith(f"couldn't read {url}: ")
    assert "\n" not in str(raised.value)


def test_pages_without_an_end() -> None:
    """A server that always names another page is not read for ever."""
    pages = [listing("a", following="1")] * MAX_PAGES
    with exporter(*pages) as (url, paths), pytest.raises(StreamError) as raised:
        read_views(url, {})
    assert str(raised.value) == f"{url} answered with more than {MAX_PAGES} pages"
    assert len(paths) == MAX_PAGES


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    """It would be printed with every failure."""
    with pytest.raises(ConfigError) as raised:
        check_url("http://user:S3CRET@127.0.0.1:8080")
    assert str(raised.value) == "--url: an address with a user or a password is not supported"


def test_the_reason_of_a_failed_connection_is_that_of_the_system() -> None:
    """Without the words of Python's library."""
    with pytest.raises(StreamError) as raised:
        read_views("http://127.0.0.1:1", {})
    assert str(raised.value) == "couldn't read http://127.0.0.1:1: Connection refused"
