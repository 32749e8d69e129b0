"""Headers of every answer that keep a browser from doing more with it than to show it."""

from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LANDING_STYLE = "'sha256-QqyJDKClh0O0xHIPLRilEJ07m9nH+9K78ZqX//oouII='"
"""The hash of the style of the small page; the large one has a policy of its own."""

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src {LANDING_STYLE}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

DEFAULTS = {
    b"content-security-policy": CONTENT_SECURITY_POLICY.encode(),
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}


class AnswerHeaders:
    """ASGI middleware: adds DEFAULTS where an answer has none, and replaces all by what `configured` returns."""

    def __init__(self, application: ASGIApp, configured: Callable[[], Mapping[str, str]]) -> None:
        self._application = application
        self._configured = configured

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                configured = {name.lower().encode(): value.encode() for name, value in self._configured().items()}
                kept = [header for header in message.get("headers", ()) if header[0].lower() not in configured]
                missing = DEFAULTS.keys() - {name.lower() for name, _ in kept}
                added = {name: DEFAULTS[name] for name in missing} | configured
                message = {**message, "headers": [*kept, *added.items()]}
            await send(message)

        await self._application(scope, receive, send_with_headers)
