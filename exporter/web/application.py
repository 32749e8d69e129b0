"""The ASGI application. Bodies are prepared in the thread pool, never on the event loop."""

import re
import time
from collections.abc import Callable, Sequence

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter.exposition.exposition import Exposition
from exporter.exposition.negotiation import accepts_gzip, choose_format
from exporter.web.api import ObjectsApi
from exporter.web.body import BodyResponse
from exporter.web.landing import landing_page
from exporter.web.limits import ScrapeLimit
from exporter.web.page import Page
from exporter.web.paths import LIVENESS_PATH, READINESS_PATH
from exporter.web.status import ExporterStatus

PREPARED_AT_ONCE = 2

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
    ) -> None:
        """`observe_scrape` is called with the seconds that each answered scrape took.

        `api` and `page` are None if they are off; then a small page of links is at `/`. With `hides_reasons` the
        probes, which anyone may read, say only whether they succeed.
        """
        self._hides_reasons = hides_reasons
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
        format_ = choose_format(_header(request, "accept"))
        gzip = accepts_gzip(_header(request, "accept-encoding"))
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
        """Return the application; `max_requests` scrapes are answered at once."""
        limit = Middleware(ScrapeLimit, maximum=max_requests)
        metrics = Route("/metrics", self.metrics, middleware=[limit])
        limit_of_ui = [Middleware(ScrapeLimit, maximum=max_requests)]
        api = self._api.routes(limit_of_ui) if self._api else []
        page = self._page.route(limit_of_ui) if self._page else Route("/", self.landing)
        return _application([metrics, page, *api, *self._probe_routes()])

    def _probe_routes(self) -> list[Route]:
        return [Route(LIVENESS_PATH, self.healthz), Route(READINESS_PATH, self.readyz)]

    def _probe(self, reason: str | None, failure: str, missing: Sequence[str] = ()) -> Response:
        if self._hides_reasons:
            return PlainTextResponse(f"{failure}\n", 503) if reason else PlainTextResponse("ok\n")
        if reason:
            return PlainTextResponse(f"{reason}\n", 503)
        return PlainTextResponse(f"ok, without {'; '.join(missing)}\n" if missing else "ok\n")


def _application(routes: list[Route]) -> Starlette:
    for route in routes:
        # Starlette's `$` matches before a line break, too: authentication would have seen another path.
        route.path_regex = re.compile(route.path_regex.pattern.removesuffix("$") + r"\Z")
    application = Starlette(routes=routes)
    # A redirect would be built from whatever Host the client sent.
    application.router.redirect_slashes = False
    return application


def _header(request: Request, name: str) -> str:
    """Return a header as one list, also if the client sent it in several lines."""
    return ",".join(request.headers.getlist(name))
