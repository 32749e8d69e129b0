"""Headers that every answer gets, with those that are configured."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from exporter.web.answers import CONTENT_SECURITY_POLICY, with_headers

Headers = list[tuple[bytes, bytes]]

CSP = (b"content-security-policy", CONTENT_SECURITY_POLICY.encode())
REFERRER = (b"referrer-policy", b"no-referrer")
NOSNIFF = (b"x-content-type-options", b"nosniff")


def sent(messages: list[Message], configured: Mapping[str, str]) -> list[Message]:
    """Return what a client receives of an application that sends these messages."""
    received: list[Message] = []

    async def application(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        received.append(message)

    async def answer() -> None:
        await with_headers(application, lambda: configured)({"type": "http"}, receive, send)

    asyncio.run(answer())
    return received


def start(**more: Any) -> Message:
    return {"type": "http.response.start", "status": 200, **more}


@pytest.mark.parametrize(
    ("headers", "configured", "expected"),
    [
        ([], {}, [CSP, REFERRER, NOSNIFF]),
        ([(b"content-type", b"text/html")], {}, [(b"content-type", b"text/html"), CSP, REFERRER, NOSNIFF]),
        ([(b"referrer-policy", b"origin")], {}, [(b"referrer-policy", b"origin"), CSP, NOSNIFF]),
        (
            [(b"content-security-policy", b"default-src 'self'")],
            {},
            [(b"content-security-policy", b"default-src 'self'"), REFERRER, NOSNIFF],
        ),
        ([], {"X-Frame-Options": "deny"}, [CSP, REFERRER, NOSNIFF, (b"x-frame-options", b"deny")]),
        ([], {"Referrer-Policy": "origin"}, [CSP, (b"referrer-policy", b"origin"), NOSNIFF]),
        (
            [(b"content-security-policy", b"a"), (b"content-security-policy", b"b")],
            {"Content-Security-Policy": "c"},
            [(b"content-security-policy", b"c"), REFERRER, NOSNIFF],
        ),
        (
            [(b"set-cookie", b"a"), (b"set-cookie", b"b")],
            {},
            [(b"set-cookie", b"a"), (b"set-cookie", b"b"), CSP, REFERRER, NOSNIFF],
        ),
    ],
)
def test_headers_of_an_answer(headers: Headers, configured: dict[str, str], expected: Headers) -> None:
    """Defaults only where there is none; a configured one replaces all of its name, in any case."""
    (message,) = sent([start(headers=headers)], configured)
    assert sorted(message["headers"]) == sorted(expected)
    assert message["status"] == 200


def test_an_answer_without_headers_gets_the_defaults() -> None:
    """ASGI allows to leave them out; the application's own message stays as it is."""
    message = start()
    (received,) = sent([message], {})
    assert sorted(received["headers"]) == [CSP, REFERRER, NOSNIFF]
    assert message == start()


def test_other_messages_are_not_changed() -> None:
    """Only the start of an answer has headers."""
    body = {"type": "http.response.body", "body": b"x", "more_body": False}
    assert sent([start(), body], {"A": "b"})[1] is body
