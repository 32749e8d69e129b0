"""Headers of every answer that keep a browser from doing more with it than to show it."""

from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LANDING_STYLE = "'sha256-QqyJDKClh0O0xHIPLRilEJ07m9nH+9K78ZqX//oouII='"
"""The hash of the only inline style, that of the page at `/`."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    f"style-src 'self' {LANDING_STYLE}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

DEFAULTS = {
    b"content-security-policy": CONTENT_SECURITY_POLICY.encode(),
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}


class AnswerHeaders:
    """ASGI middleware: adds DEFAULTS and what `configured` returns, which takes precedence."""

    def __init__(self, application: ASGIApp, configured: Callable[[], Mapping[str, str]]) -> None:
        self._application = application
        self._configured = configured

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                configured = {name.lower().encode(): value.encode() for name, value in self._configured().items()}
                added = DEFAULTS | configured
                kept = [header for header in message.get("headers", ()) if header[0].lower() not in added]
                message = {**message, "headers": [*kept, *added.items()]}
            await send(message)

        await self._application(scope, receive, send_with_headers)
