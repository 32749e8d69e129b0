"""The ASGI application. Bodies are prepared in the thread pool, never on the event loop."""

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import Any

from anyio import CapacityLimiter, to_thread
from jinja2 import Template
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter import __version__
from exporter.exposition.exposition import Exposition, choose_format
from exporter.web.answers import BodyResponse, header, wants_gzip
from exporter.web.api import ObjectsApi
from exporter.web.limits import ScrapeLimit
from exporter.web.page import Page
from exporter.web.status import ExporterStatus

PREPARED_AT_ONCE = 2

LIVENESS_PATH = "/healthz"
READINESS_PATH = "/readyz"

Authenticate = Callable[[Scope], Awaitable[Response | None]]
"""Returns the answer to a request that is refused, None if it is allowed."""

VARY = {"Vary": "Accept, Accept-Encoding"}


class Endpoints:
    """The request handlers, and the one state that they share: whether the process is ending."""

    def __init__(
        self,
        exposition: Exposition,
        status: ExporterStatus,
        observe_scrape: Callable[[float], None],
        api: ObjectsApi | None = None,
        page: Page | None = None,
        *,
        hides_reasons: bool = False,
        count_refused: Callable[[], None] = lambda: None,
    ) -> None:
        """`observe_scrape` is called with the seconds that each answered scrape took, `count_refused` for each other.

        `api` and `page` are None if they are off; then a small page of links is at `/`. With `hides_reasons` the
        probes, which anyone may read, say only whether they succeed.
        """
        self._hides_reasons = hides_reasons
        self._count_refused = count_refused
        self._exposition = exposition
        self._status = status
        self._observe_scrape = observe_scrape
        self._api = api
        self._page = page
        self._is_draining = False
        # More threads would not prepare bodies faster, and would delay the event loop.
        self._preparing = CapacityLimiter(PREPARED_AT_ONCE)

    def drain(self) -> None:
        """Stop being ready. New and idle connections are closed soon after; running requests are answered."""
        self._is_draining = True

    async def metrics(self, request: Request) -> Response:
        if reason := self._status.why_not_ready():
            return PlainTextResponse(f"not ready: {reason}\n", 503, VARY)
        return await to_thread.run_sync(self._scrape, request, limiter=self._preparing)

    def _scrape(self, request: Request) -> Response:
        started_at = time.perf_counter()
        format_, gzip = choose_format(header(request, "accept")), wants_gzip(request)
        body = self._exposition.body(format_, gzip=gzip, names=request.query_params.getlist("name[]"))
        headers = VARY | {"Content-Type": format_.value} | ({"Content-Encoding": "gzip"} if gzip else {})
        self._observe_scrape(time.perf_counter() - started_at)
        return BodyResponse(body, headers)

    async def healthz(self, _request: Request) -> Response:
        """Never asks the API server: an outage there is no reason to restart the exporter."""
        return self._probe(self._status.why_not_alive(), "not alive")

    async def readyz(self, _request: Request) -> Response:
        reason = "shutting down" if self._is_draining else self._status.why_not_ready()
        return self._probe(reason, "not ready", self._status.incomplete())

    async def landing(self, _request: Request) -> Response:
        return HTMLResponse(landing_page(self._status))

    def probe_application(self) -> Starlette:
        """Return an application with the probes only, for a listener of their own."""
        return _application(self._probe_routes())

    def application(self, max_requests: int) -> Starlette:
        """Return the application; `max_requests` scrapes are answered at once, and as many requests of the API."""
        limit: dict[str, Any] = {"maximum": max_requests, "count_refused": self._count_refused}
        metrics = Route("/metrics", self.metrics, middleware=[Middleware(ScrapeLimit, **limit)])
        limit["what"] = "requests for the page and its API"
        api = (
            self._api.routes([Middleware(ScrapeLimit, **limit, is_full=self._api.answers.is_full)]) if self._api else []
        )
        page = self._page.route([Middleware(ScrapeLimit, **limit)]) if self._page else Route("/", self.landing)
        return _application([metrics, page, *api, *self._probe_routes()])

    def _probe_routes(self) -> list[Route]:
        return [Route(LIVENESS_PATH, self.healthz), Route(READINESS_PATH, self.readyz)]

    def _probe(self, reason: str | None, failure: str, missing: Sequence[str] = ()) -> Response:
        if reason:
            return PlainTextResponse(f"{failure if self._hides_reasons else reason}\n", 503)
        is_shown = missing and not self._hides_reasons
        return PlainTextResponse(f"ok, without {'; '.join(missing)}\n" if is_shown else "ok\n")


def landing_page(status: ExporterStatus) -> str:
    """Return the small page as HTML: version, kinds, object counts, sync state and links."""
    template = Template(files("exporter.web").joinpath("landing.html").read_text(encoding="utf-8"), autoescape=True)
    page: str = template.render(version=__version__, kinds=status.kinds(), reason=status.why_not_ready())
    return page


def _application(routes: list[Route]) -> Starlette:
    for route in routes:
        # Starlette's `$` matches before a line break, too: authentication would have seen another path.
        route.path_regex = re.compile(route.path_regex.pattern.removesuffix("$") + r"\Z")
    application = Starlette(routes=routes)
    # A redirect would be built from whatever Host the client sent.
    application.router.redirect_slashes = False
    return application


def with_authentication(application: ASGIApp, authenticate: Authenticate) -> ASGIApp:
    """Return the application, which requests for anything but the probes reach only if `authenticate` allows them.

    It decides for each request anew, so that neither an earlier request on the connection nor its path, method or
    headers open anything. A fault in a decision is a 500, never access.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        is_open = scope["path"] in (LIVENESS_PATH, READINESS_PATH)
        refusal = None if is_open else await authenticate(scope)
        await (refusal or application)(scope, receive, send)

    return answer
