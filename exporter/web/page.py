"""The page at `/`: one self-contained HTML document, and the headers that let nothing else run in it.

The files of `ui/` are put into one document, so that a browser asks for nothing but data. The server fills in the first
table, for browsers without JavaScript; the script replaces it, and refreshes it from the API. Both understand the same
parameters in the address of the page, which are those of the API (docs/api.md).
"""

import gzip
import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

from anyio import CapacityLimiter, to_thread
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter import __version__
from exporter.exposition.negotiation import accepts_gzip
from exporter.exposition.segments import Body
from exporter.web import page_table
from exporter.web.body import BodyResponse
from exporter.web.status import ExporterStatus

PAGE_SIZE = 100
"""Rows of a page of the table, as in ui/address.js."""

PARAMETERS = ("kind", "namespace", "name", "state", "healthy", "sort", "continue")
"""Parameters of the API that the address of the page can have."""

# One module: the order matters only for constants that are used at once.
SCRIPTS = ("format", "now", "dom", "charts", "progress", "links", "address", "details", "rows", "summary", "app")

GZIP_LEVEL = 6


ListObjects = Callable[[Mapping[str, list[str]]], tuple[int, bytes]]
"""Answers `GET /api/v1/objects` with these parameters: status code and JSON document. It may take a while."""


class Page:
    """The handler of `/`. Any number of requests at once; one after the other is rendered, in the thread pool."""

    def __init__(self, list_objects: ListObjects, status: ExporterStatus, links: Mapping[str, str]) -> None:
        """`links` has addresses of other programs, with placeholders: `dashboard`, `grafana`, `runbook`."""
        self._list_objects = list_objects
        self._status = status
        style, script = _read("style.css"), "\n".join(_read(f"{name}.js") for name in SCRIPTS)
        metas = "\n".join(
            f'<meta name="link-{name}" content="{escape(address)}">' for name, address in links.items() if address
        )
        fixed = {"style": style, "script": script, "links": metas, "version": escape(__version__)}
        self._template = Template(Template(_read("index.html")).safe_substitute(_escaped(fixed)))
        self._headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": content_security_policy(style, script),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
            "Vary": "Accept-Encoding",
        }
        self._rendering = CapacityLimiter(1)

    def route(self, middleware: Sequence[Middleware] = ()) -> Route:
        return Route("/", self._answer, middleware=middleware)

    async def _answer(self, request: Request) -> Response:
        return await to_thread.run_sync(self._respond, request, limiter=self._rendering)

    def _respond(self, request: Request) -> Response:
        body = self.render({name: request.query_params.getlist(name) for name in PARAMETERS}).encode()
        # Weak: the same for both encodings.
        etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = self._headers | {"ETag": etag}
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if accepts_gzip(",".join(request.headers.getlist("accept-encoding"))):
            headers |= {"Content-Encoding": "gzip"}
            body = gzip.compress(body, GZIP_LEVEL, mtime=0)
        return BodyResponse(Body([body]), headers)

    def render(self, parameters: Mapping[str, list[str]]) -> str:
        """Return the document with the table for these parameters of its address."""
        # A form sends its empty fields, too.
        filled = {name: [value for value in values if value] for name, values in parameters.items()}
        given = {name: values for name, values in filled.items() if values}
        status, body = self._list_objects(given | {"limit": [str(PAGE_SIZE)]})
        return self._template.substitute(page_table.fragments(given, status, body, self._status))


def content_security_policy(style: str, script: str) -> str:
    """Return a policy under which only this style and this script count, and requests go only to the exporter."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash_of(script)}",
            f"style-src {_hash_of(style)}",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _hash_of(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    return files("exporter.web").joinpath("ui", name).read_text(encoding="utf-8")


def _escaped(fixed: Mapping[str, str]) -> dict[str, str]:
    """Return texts for the first substitution: a dollar sign in them must survive the second."""
    return {name: text.replace("$", "$$") for name, text in fixed.items()}
