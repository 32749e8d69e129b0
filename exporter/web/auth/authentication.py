"""Who may see what: a filter in front of every path but the probes', and the answers that it gives.

It decides for each request anew, so that neither an earlier request on the connection nor its path, method or
headers open anything. A fault in a decision is a 500, never access.
"""

from collections.abc import Awaitable, Callable

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

LIVENESS_PATH = "/healthz"
READINESS_PATH = "/readyz"

Authenticate = Callable[[Scope], Awaitable[Response | None]]
"""Returns the answer to a request that is refused, None if it is allowed."""

FORBIDDEN = PlainTextResponse("forbidden\n", 403)
"""For a client that is known, but not allowed."""

UNDECIDED = PlainTextResponse("authentication is not possible at the moment\n", 500)
"""For a client whose rights cannot be found out at the moment."""

OVERLOADED = PlainTextResponse("too many requests are being authenticated\n", 503, {"Retry-After": "5"})
"""For a client that has to try again later."""


def with_authentication(application: ASGIApp, authenticate: Authenticate) -> ASGIApp:
    """Return the application, which requests for anything but the probes reach only if `authenticate` allows them."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        is_open = scope["path"] in (LIVENESS_PATH, READINESS_PATH)
        refusal = None if is_open else await authenticate(scope)
        await (refusal or application)(scope, receive, send)

    return answer


def authorization(scope: Scope, scheme: str) -> str | None:
    """Return what follows the scheme in the Authorization header, None if there is not exactly one of that scheme."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(values) != 1:
        return None
    found, _, credentials = values[0].decode("latin-1").partition(" ")
    return credentials.strip() or None if found.lower() == scheme else None


def has_client_certificate(scope: Scope) -> bool:
    """Tell whether the client has shown a certificate that was verified in the TLS handshake."""
    return bool(scope.get("state", {}).get("client_certificate"))


def unauthorized(challenge: str) -> Response:
    """Return the answer for a client without credentials, or with wrong ones; `challenge` is the scheme to use."""
    return PlainTextResponse("unauthorized\n", 401, {"WWW-Authenticate": f'{challenge} realm="kuberay-exporter"'})
