"""The handler of `/`, and the headers that let nothing but the page's own script run in it.

Style and script are in the document, so that a browser asks for nothing else. With `part=1` the answer is what the
script puts in the place of what is shown: the same templates, without head, style and script.
"""

import hashlib
import shlex
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files

from anyio import CapacityLimiter, to_thread
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter import __version__
from exporter.diagnosis.phrases import age, duration
from exporter.shard import Shard
from exporter.web.answers import DEFAULTS, KeptAnswers
from exporter.web.page import words
from exporter.web.page.address import Address
from exporter.web.page.view import SEVERITIES, Freshness, PageView, freshness
from exporter.web.snapshot import Snapshot, Snapshots
from exporter.web.status import ExporterStatus


@dataclass(frozen=True)
class PageSettings:
    """What the page says of other programs.

    Attributes:
        cluster_name: in the head and the title, "" for none.
        links: addresses with placeholders, by `config.LINKS`; "" for none.
        labels: keys of the labels that are shown, by kind.
        shard: whose namespaces are shown; None: all.
    """

    cluster_name: str = ""
    links: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shard: Shard | None = None


class Page:
    """The handler of `/`. Any number of requests at once; they are rendered in the thread pool."""

    def __init__(self, snapshots: Snapshots, status: ExporterStatus, settings: PageSettings) -> None:
        self._snapshots = snapshots
        self._status = status
        self._settings = settings
        self._templates = _environment(settings)
        style, script = _static("style.css"), _static("script.js")
        self._templates.globals |= {"style": style, "script": script}
        self._answers = KeptAnswers(
            {
                **DEFAULTS,
                "content-security-policy": content_security_policy(style, script),
                "Content-Type": "text/html; charset=utf-8",
            }
        )
        # Two: while one makes a snapshot, the other answers from the one before.
        self._rendering = CapacityLimiter(2)

    def route(self, middleware: Sequence[Middleware] = ()) -> Route:
        return Route("/", self._answer, middleware=middleware)

    async def _answer(self, request: Request) -> Response:
        return await to_thread.run_sync(self._respond, request, limiter=self._rendering)

    def _respond(self, request: Request) -> Response:
        given = {name: request.query_params.getlist(name) for name in request.query_params}
        address, is_part = Address(given), "part" in given
        snapshot = None if self._status.why_not_ready() else self._snapshots.newest()
        known = snapshot.fleet.known if snapshot else None
        remedy = known.remedy if known and not (known.pods and known.events) else ""
        # As of the snapshot: seconds of an outage would change the page all the time.
        fresh = freshness(self._status, remedy, snapshot.time if snapshot else datetime.now(UTC))

        def rendered() -> bytes:
            started_at = time.thread_time()
            text = self.render(snapshot, fresh, address, is_part=is_part)
            self._snapshots.charge(time.thread_time() - started_at)
            return text.encode(errors="replace")

        # All that is shown but the seconds of ages: an unchanged page is rendered once a minute.
        objects = f"{snapshot.time:%H:%M} {snapshot.digest}" if snapshot else ""
        question = (sorted(address.values.items()), address.open, is_part)
        return self._answers.respond(request, f"{objects} {fresh}", repr(question), rendered)

    def render(self, snapshot: Snapshot | None, fresh: Freshness, address: Address, *, is_part: bool) -> str:
        """Return the document, or its parts; without a snapshot there is only the reason in `fresh`."""
        view = PageView(snapshot, address, self._settings.labels) if snapshot else None
        template = self._templates.get_template("parts.html" if is_part else "page.html")
        now = snapshot.time if snapshot else datetime.now(UTC)
        return template.render(
            address=address,
            fresh=fresh,
            page=view,
            now=now,
            kinds=self._status.kinds(),
            age=lambda time: age(now, time),
        )


def content_security_policy(style: str, script: str) -> str:
    """Return a policy under which only this style and this script count, and requests go only to the exporter.

    The one policy of trusted types is that of the script, which passes answers of the exporter to a parser.
    """
    return (
        f"default-src 'none'; script-src {_hash_of(script)}; style-src {_hash_of(style)}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types page"
    )


def _environment(settings: PageSettings) -> Environment:
    templates = Environment(
        loader=PackageLoader("exporter.web.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = ("tone", "words", "clock", "amount", "progress", "stages", "marks", "facts", "cluster_of", "expanded")
    templates.globals |= {name: getattr(words, name) for name in names}
    templates.globals |= {
        "version": __version__,
        "cluster_name": settings.cluster_name,
        "shard": settings.shard,
        "links": settings.links,
        "shapes": SEVERITIES,
        "quoted": shlex.quote,
        "duration": duration,
    }
    return templates


def _hash_of(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _static(name: str) -> str:
    return files("exporter.web.page").joinpath("static", name).read_text(encoding="utf-8")
